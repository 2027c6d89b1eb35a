# SPDX-License-Identifier: GPL-2.0-only
"""What runs a guest: all that is known of one engine is in one file."""
