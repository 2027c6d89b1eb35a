// SPDX-License-Identifier: GPL-2.0-only
/* vfio-migctl path: the arcs from one state to another. */
#include <stdio.h>

#include "../../selftests/lib/mig_model.h"
#include "../../selftests/lib/vfio_mig.h"
#include "migctl.h"
#include "say.h"

static __u32 known_state(const char *text)
{
	__u32 state;

	if (!state_of(text, &state))
		refuse(NO_STATE,
		       text);
	if (!mig_model_supported(opt.caps, state))
		fail(EXIT_REFUSED, "other --caps", "a device with %s has no state %s",
		     mig_flags_name(opt.caps), mig_state_name(state));
	return state;
}

static const char *session_text(const struct mig_expect *expect)
{
	if (expect->new_fd)
		return expect->ends ? "the session ends, and a new one begins" :
				      "a session begins";
	return expect->ends ? "the session ends" : "";
}

/**
 * verb_path - show the arcs from one state to another
 * @argc: 2
 * @argv: the states
 *
 * Return: the exit status.
 */
int verb_path(int argc, char **argv)
{
	__u32 from = known_state(argv[0]), to = known_state(argv[1]);
	struct json json = say_value(false);
	struct mig_path path;
	unsigned int i;

	(void)argc;
	if (from != to && !mig_model_paths(opt.caps, from, to, &path))
		fail(EXIT_REFUSED, NULL, "there is no way from %s to %s",
		     mig_state_name(from), mig_state_name(to));
	if (from == to)
		path.len = 0;
	if (say.json)
		json_array(&json, NULL);
	for (i = 0; i < path.len; i++) {
		struct mig_expect expect;
		const char *what;

		mig_model_expect(opt.caps, from, path.state[i], &expect);
		what = session_text(&expect);
		fprintf(say.tell, *what ? "%-12s -> %-12s  %s\n" :
					  "%-12s -> %s%s\n", mig_state_name(from),
			mig_state_name(path.state[i]), what);
		if (say.json) {
			json_object(&json, NULL);
			json_text(&json, "from", mig_state_name(from));
			json_text(&json, "to", mig_state_name(path.state[i]));
			json_bool(&json, "data_fd", expect.new_fd);
			json_bool(&json, "ends", expect.ends);
			json_end(&json);
		}
		from = path.state[i];
	}
	if (say.json)
		json_end(&json);
	return EXIT_DONE;
}
