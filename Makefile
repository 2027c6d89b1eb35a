# SPDX-License-Identifier: GPL-2.0-only
#
# Every verb of the project.  The work is done in scripts/.
#
#   KERNEL=lts      which kernel: lts (Debian's linux-source-6.12), latest (the
#                   newest one in Debian's backports), debian (its image, which
#                   needs qemu), or a path to a kernel tree; check without it
#                   takes lts and latest, everything else lts
#   ENGINE=uml      what runs it: uml or qemu
#   CACHE=DIR       where sources, builds and logs are kept
#   SAN=0|1|kcsan   without or with sanitizers: run and shell have 0, others 1;
#                   kcsan looks for data races instead (ENGINE=qemu)
#   TEST=PATTERN    only the selftests of that name
#   ARGS='...'      words for migrate-demo or the selftests
#   TIMEOUT=600     seconds for the guest; SILENCE=120 seconds without a word,
#                   TEST_TIMEOUT=100 seconds for one selftest
#   GUESTS=N        so many guests at once (default: one a processor, up to 4)
#   MEM=MB          of each guest; LEAKS=1 with a search for leaked memory;
#   APPEND='...'    more for the guest kernel's command line
#   DRIVER=mtty_mig the driver that conformance is about: mtty_mig or mtty;
#                   TYPES='...' only these types, ISOLATE=1 a boot a test
#   TREE=DIR        the kernel tree of series and series-check, OUT=DIR where to
#   MUTANT=PATTERN  only the mutants of that name; KEEP_GOING=1: let all tests
#                   see each, not only up to the first that fails
#   SEED=N|random   of the tests that go at random, with STEPS=N or MINUTES=N
#                   for how long; CALLS=1 prints each call before it is made
#   soak: RUNS=N of each program or MINUTES=10 for all, SEED=N of the first run,
#                   LOAD=0|1 only without or with the host under load
#   install, uninstall: PREFIX=/usr/local for selftests and tools, too;
#                   DESTDIR=DIR to put everything below DIR
#   newcomer: SUITES='bookworm trixie' which Debian, VERBS='run check' which
#                   commands
#   debcheck: SUITES=bookworm, HEADERS=PACKAGE of the kernel to build for
#   interop: QEMU=debian, latest (of its backports) or /path/to/qemu-system-x86_64;
#   MUTANT=NAME to put that mistake into the driver; BACKEND=iommufd or container
#   fuzz: SECONDS=60 or RUNS=N for how long, SEED=N, INPUT=FILE to replay one
#   input, MERGE=1 to put what was found into selftests/fuzz/corpus

VARIABLES := KERNEL ENGINE CACHE SAN TEST ARGS TIMEOUT SILENCE TEST_TIMEOUT MEM GUESTS LEAKS
VARIABLES += APPEND PROCESSORS ONLY DRIVER TYPES ISOLATE MUTANT KEEP_GOING SEED STEPS MINUTES
VARIABLES += CALLS PREFIX DESTDIR SUITES VERBS HEADERS QEMU BACKEND
export $(VARIABLES)

# What is misspelled would be ignored, and something else done than was asked for.
VARIABLES += KDIR TREE OUT SECONDS RUNS LOAD INPUT MERGE DEBFULLNAME DEBEMAIL SOURCE_DATE_EPOCH
UNKNOWN := $(filter-out $(VARIABLES),$(foreach name,$(.VARIABLES),$(if \
	$(filter command,$(firstword $(origin $(name)))),$(name))))
ifneq ($(UNKNOWN),)
$(error no variable is called $(UNKNOWN); there are: $(VARIABLES))
endif

KDIR ?= /lib/modules/$(shell uname -r)/build

.PHONY: help run check check-all kunit selftests conformance rules mutants coverage stress soak fuzz
.PHONY: shell modules install uninstall load unload deb debcheck newcomer series series-check
.PHONY: portability interop update lint lint-quick selfcheck clean distclean

help: ## list the verbs
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | \
		while IFS='	' read -r verb text; do printf '  %-12s %s\n' "$$verb" "$$text"; done

run: ## boot a kernel, migrate a device in it, tell what happened
	@scripts/lab.sh run

check: ## all KUnit suites and all selftests, with sanitizers, on two kernels or on KERNEL=
	@$(if $(KERNEL),scripts/lab.sh,scripts/runs.sh) check

check-all: ## check, and all that takes longer: QEMU, races, Debian's kernel, mutants, coverage
	@scripts/runs.sh all

kunit: ## only the KUnit suites
	@scripts/lab.sh kunit

selftests: ## only the selftests; TEST=PATTERN for some of them
	@scripts/lab.sh selftests

mutants: ## put mistakes into the driver and see that the tests notice; MUTANT=PATTERN
	@scripts/mutants.sh

conformance: ## hold a driver against the rules: DRIVER=mtty_mig or mtty
	@scripts/conformance.sh

fuzz: ## fuzz the reader of the migration stream, on the host
	@FOR='$(SECONDS)' RUNS='$(RUNS)' SEED='$(SEED)' INPUT='$(INPUT)' MERGE='$(MERGE)' scripts/fuzz.sh run

# These see for themselves whether they still move
stress: ## calls at random for longer: SEED=, STEPS= or MINUTES= (1); TEST= for one program
	@TEST='$(or $(TEST),@(stress|ioctl_fuzz)_test)' \
		MINUTES='$(or $(MINUTES),$(if $(STEPS),,1))' \
		TIMEOUT='$(or $(TIMEOUT),86400)' TEST_TIMEOUT='$(or $(TEST_TIMEOUT),0)' \
		scripts/lab.sh selftests

soak: ## what races or goes at random, again and again, half under load: RUNS= or MINUTES=
	@RUNS='$(RUNS)' LOAD='$(LOAD)' scripts/soak.sh

coverage: ## what the tests reach of the driver, into build/coverage/index.html
	@scripts/coverage.sh

shell: ## a shell in the guest, with the modules loaded
	@scripts/lab.sh shell

modules: ## build the modules for KDIR=... (default: the running kernel) into build/modules
	@scripts/modules-here.sh '$(KDIR)'

install: ## those modules into /lib/modules; PREFIX=/usr/local: selftests and tools, too
	@scripts/install.sh install '$(KDIR)'

uninstall: ## remove what install installed
	@scripts/install.sh uninstall '$(KDIR)'

load: ## load the driver into the running kernel, and tell what it offers
	@scripts/load.sh load

unload: ## unload it
	@scripts/load.sh unload

deb: ## Debian packages into build/: driver for DKMS, selftests with conformance
	@scripts/deb.sh

debcheck: ## install those packages in a fresh Debian, and see that they work and go
	@scripts/debcheck.sh

newcomer: ## make run and make check in fresh roots of Debian: SUITES=, VERBS=
	@scripts/newcomer.sh

series: ## write patches for a kernel tree: TREE=~/linux OUT=dir
	@scripts/series.sh '$(TREE)' '$(OUT)'

series-check: ## prove these patches on a scratch copy of TREE, or of KERNEL's source
	@scripts/series_check.sh '$(TREE)'

portability: ## build for other architectures, run KUnit on i386 and s390x
	@scripts/portability.sh

interop: ## let QEMU migrate the device, with a guest that uses it: QEMU=, TEST=
	@scripts/interop.sh

update: ## fetch the newest version of what comes from Debian: all in the cache, or KERNEL=
	@scripts/lab.sh update

lint: ## lint-quick, and what the kernel's compilers and semantic patches say of the driver
	@scripts/lint.sh

lint-quick: ## checkpatch, shellcheck, the documents, the lab's own tests
	@scripts/lint.sh quick

selfcheck: ## only the lab's own tests
	@python3 -B -m unittest discover -q -s scripts/tests

rules: ## which tests check a rule, which mutants break it; also in build/rules.html
	@mkdir -p build
	@scripts/rules.py table --format html >build/rules.html
	@scripts/rules.py table

clean: ## remove build/
	rm -rf build

distclean: clean ## remove the cache, too
	@scripts/distclean.sh
