# SPDX-License-Identifier: GPL-2.0-only
"""The lab: what make's verbs are, and what may be said to them."""
