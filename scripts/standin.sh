#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# make standin: write the beginning of a stand-in; see standin.py and
# Documentation/standins.rst.
#
#   NAME=NAME		of the stand-in
#   FOLDER=PATH		of the VFIO driver: in the kernel's source, or absolute
#   PCI=VENDOR:PF:VF	IDs of the card
#   KERNEL=...		whose source is looked at

. "$(dirname "$0")/lib.sh"

[ -n "${NAME-}" ] ||
	die "a stand-in needs a name" "for example make standin NAME=foo FOLDER=drivers/vfio/pci/foo"
source=
case ${FOLDER-} in
/*) source=/ ;;
*)
	"$SCRIPTS/packages.sh"
	make_cache
	lock_cache
	source=$("$SCRIPTS/source.sh")
	unlock_cache
	;;
esac
exec "$SCRIPTS/standin.py" --name "$NAME" --folder "${FOLDER-}" --pci "${PCI-}" --source "$source"
