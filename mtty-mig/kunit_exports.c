// SPDX-License-Identifier: GPL-2.0-only
/*
 * Exports for the unit tests, of functions in files that also build in
 * userspace. They are here because those files cannot contain them.
 */
#include <kunit/visibility.h>

#include "mem.h"
#include "stream.h"

#define EXPORT	EXPORT_SYMBOL_IF_KUNIT

/* uart.c */
EXPORT(mtty_uart_reset);
EXPORT(mtty_uart_read);
EXPORT(mtty_uart_write);
EXPORT(mtty_uart_irq);
EXPORT(mtty_uart_valid);

/* pci.c */
EXPORT(mtty_pci_reset);
EXPORT(mtty_pci_read);
EXPORT(mtty_pci_write);
EXPORT(mtty_pci_load);
EXPORT(mtty_pci_bus_master);
EXPORT(mtty_pci_intx_disabled);
EXPORT(mtty_pci_msi_masked);
EXPORT(mtty_pci_msi_mask);
EXPORT(mtty_pci_msix_masked);
EXPORT(mtty_pci_msix_mask);
EXPORT(mtty_pci_msix_write);

/* mem.c */
EXPORT(mtty_mem_alloc);
EXPORT(mtty_mem_free);
EXPORT(mtty_mem_clear);
EXPORT(mtty_mem_read);
EXPORT(mtty_mem_write);
EXPORT(mtty_mem_track);
EXPORT(mtty_mem_untrack);
EXPORT(mtty_mem_free_marks);
EXPORT(mtty_mem_next_unsent);
EXPORT(mtty_mem_load);
EXPORT(mtty_mem_loaded);
EXPORT(mtty_mem_load_zero);
EXPORT(mtty_mem_stream_length);
EXPORT(mtty_mem_digest);

/* stream.c */
EXPORT(mtty_enc_header);
EXPORT(mtty_enc_page);
EXPORT(mtty_enc_end);
EXPORT(mtty_dec_init);
EXPORT(mtty_dec_want);
EXPORT(mtty_dec_got);
EXPORT(mtty_dec_finish);
EXPORT(mtty_hw_digest);

/* dma.c */
EXPORT(mtty_dma_read);
EXPORT(mtty_dma_write);
EXPORT(mtty_dma_valid);
EXPORT(mtty_dma_irq);
EXPORT(mtty_dma_to_peer);
EXPORT(mtty_dma_next);
EXPORT(mtty_dma_advance);
EXPORT(mtty_dma_fail);

/* pri.c */
EXPORT(mtty_pri_raise);
EXPORT(mtty_pri_answer);
EXPORT(mtty_pri_release);
EXPORT(mtty_pri_read);
EXPORT(mtty_pri_write);
EXPORT(mtty_pri_valid);
