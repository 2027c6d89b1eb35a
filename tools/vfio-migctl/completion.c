// SPDX-License-Identifier: GPL-2.0-only
/* vfio-migctl completion: what bash needs, from the tables of main.c. */
#include <stdio.h>
#include <string.h>

#include "../../selftests/lib/vfio_mig.h"
#include "migctl.h"

/* What an argument of that name may be completed to */
static const char *kind_of(const char *args, int nr)
{
	int i;

	for (i = 0; *args; i++) {
		size_t len = strcspn(args, " ");

		if (args[0] == '[')
			args++, len--;
		if (i == nr || !strncmp(args, "DEVICE...", 9)) {
			if (!strncmp(args, "DEVICE", 6))
				return "devices";
			if (!strncmp(args, "FILE", 4))
				return "files";
			if (!strncmp(args, "STATE", 5) ||
			    !strncmp(args, "FROM", 4) || !strncmp(args, "TO", 2))
				return "states";
			return "nothing";
		}
		args += len;
		args += strspn(args, " ");
	}
	return "nothing";
}

static void verb_case(const struct verb *verb)
{
	unsigned int i, bit;
	bool takes;
	int nr;

	printf("\t%s)\n\t\toptions='", verb->name);
	for (i = 0; i < option_count(); i++) {
		const char *name = option_name(i, &bit, &takes);

		if (!bit || bit & verb->options)
			printf(" --%s%s", name, takes ? "=" : "");
	}
	printf("'\n\t\tkinds=(");
	for (nr = 0; nr < verb->max && nr < 4; nr++)
		printf("%s%s", nr ? " " : "", kind_of(verb->args, nr));
	printf(")\n\t\t;;\n");
}

static void states(void)
{
	__u32 state;

	for (state = 0; state < VFIO_DEVICE_STATE_NR; state++)
		if (state != VFIO_DEVICE_STATE_ERROR)
			printf(" %s", mig_state_name(state));
}

/**
 * verb_completion - print what bash needs to complete the words of this program
 * @argc: 0
 * @argv: nothing
 *
 * Return: the exit status.
 */
int verb_completion(int argc, char **argv)
{
	unsigned int i;

	(void)argc;
	(void)argv;
	printf("# bash completion for vfio-migctl: eval \"$(vfio-migctl completion)\"\n"
	       "_vfio_migctl()\n{\n"
	       "\tlocal cur=${COMP_WORDS[COMP_CWORD]} options='' kinds=() nr=-1 i words=''\n"
	       "\tCOMPREPLY=()\n"
	       "\tif [ \"$COMP_CWORD\" -le 1 ]; then\n"
	       "\t\twords='--help");
	for (i = 0; i < nr_verbs; i++)
		printf(" %s", verbs[i].name);
	printf("'\n\t\tmapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$cur\")\n"
	       "\t\treturn\n\tfi\n\tcase ${COMP_WORDS[1]} in\n");
	for (i = 0; i < nr_verbs; i++)
		verb_case(&verbs[i]);
	printf("\tesac\n"
	       "\tif [[ $cur == -* ]]; then\n"
	       "\t\tmapfile -t COMPREPLY < <(compgen -W \"$options\" -- \"$cur\")\n"
	       "\t\t[[ ${COMPREPLY[0]-} != *= ]] || compopt -o nospace 2>/dev/null\n"
	       "\t\treturn\n\tfi\n"
	       "\tfor ((i = 2; i <= COMP_CWORD; i++)); do\n"
	       "\t\t[[ ${COMP_WORDS[i]} == -* ]] || nr=$((nr + 1))\n"
	       "\tdone\n"
	       "\tcase ${kinds[nr]-${kinds[-1]-}} in\n"
	       "\tdevices)\n"
	       "\t\tfor i in /sys/class/vfio-dev/*; do\n"
	       "\t\t\twords+=\" $(basename \"$(readlink -f \"$i/device\")\")\"\n"
	       "\t\tdone\n"
	       "\t\tmapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$cur\")\n"
	       "\t\t;;\n"
	       "\tstates) mapfile -t COMPREPLY < <(compgen -W '");
	states();
	printf("' -- \"${cur^^}\") ;;\n"
	       "\tfiles) mapfile -t COMPREPLY < <(compgen -f -- \"$cur\") ;;\n"
	       "\tesac\n}\n"
	       "complete -o filenames -F _vfio_migctl vfio-migctl\n");
	return 0;
}
