# SPDX-License-Identifier: GPL-2.0-only
"""The verbs, a file for each, which has VERB: help, command, variables, the row in the README."""
