// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory of queues, doorbell records and pages of doorbells, as mlx5_core gives them out.
 */
#include <linux/cleanup.h>
#include <linux/dma-mapping.h>
#include <linux/io.h>
#include <linux/slab.h>

#include "mlx5.h"

/* Queues: a page each, as much as is needed in the last one */

static size_t part_of(int size, int page)
{
	return min_t(size_t, size - page * PAGE_SIZE, PAGE_SIZE);
}

static void free_parts(struct mlx5_core_dev *dev, struct mlx5_frag_buf *buf, int count)
{
	while (count--)
		dma_free_coherent(dev->device, part_of(buf->size, count), buf->frags[count].buf,
				  buf->frags[count].map);
	kfree(buf->frags);
}

int mlx5_frag_buf_alloc_node(struct mlx5_core_dev *dev, int size, struct mlx5_frag_buf *buf,
			     int node)
{
	int error = cx_called(cx_card_of(dev), NULL, "frag_buf_alloc");
	int i;

	if (error)
		return error;
	buf->size = size;
	buf->npages = DIV_ROUND_UP(size, PAGE_SIZE);
	buf->page_shift = PAGE_SHIFT;
	buf->frags = kcalloc(buf->npages, sizeof(*buf->frags), GFP_KERNEL);
	if (!buf->frags)
		return -ENOMEM;
	for (i = 0; i < buf->npages; i++) {
		struct mlx5_buf_list *part = &buf->frags[i];

		part->buf = dma_alloc_coherent(dev->device, part_of(size, i), &part->map,
					       GFP_KERNEL);
		if (!part->buf) {
			free_parts(dev, buf, i);
			return -ENOMEM;
		}
	}
	return 0;
}
EXPORT_SYMBOL_GPL(mlx5_frag_buf_alloc_node);

void mlx5_frag_buf_free(struct mlx5_core_dev *dev, struct mlx5_frag_buf *buf)
{
	cx_called(cx_card_of(dev), NULL, "frag_buf_free");
	free_parts(dev, buf, buf->npages);
}
EXPORT_SYMBOL_GPL(mlx5_frag_buf_free);

void mlx5_fill_page_frag_array(struct mlx5_frag_buf *buf, __be64 *pas)
{
	int i;

	for (i = 0; i < buf->npages; i++)
		pas[i] = cpu_to_be64(buf->frags[i].map);
}
EXPORT_SYMBOL_GPL(mlx5_fill_page_frag_array);

/* Doorbell records: mlx5_core shares a page among many; here each has its own. */

int mlx5_db_alloc_node(struct mlx5_core_dev *dev, struct mlx5_db *db, int node)
{
	int error = cx_called(cx_card_of(dev), NULL, "db_alloc");

	if (error)
		return error;
	db->db = dma_alloc_coherent(dev->device, PAGE_SIZE, &db->dma, GFP_KERNEL);
	return db->db ? 0 : -ENOMEM;
}
EXPORT_SYMBOL_GPL(mlx5_db_alloc_node);

void mlx5_db_free(struct mlx5_core_dev *dev, struct mlx5_db *db)
{
	cx_called(cx_card_of(dev), NULL, "db_free");
	dma_free_coherent(dev->device, PAGE_SIZE, db->db, db->dma);
}
EXPORT_SYMBOL_GPL(mlx5_db_free);

/* The page of doorbells: one for all who are content with any */

static int alloc_uar(struct mlx5_core_dev *dev, u32 *uar)
{
	u32 out[MLX5_ST_SZ_DW(alloc_uar_out)] = {};
	u32 in[MLX5_ST_SZ_DW(alloc_uar_in)] = {};
	int error;

	MLX5_SET(alloc_uar_in, in, opcode, MLX5_CMD_OP_ALLOC_UAR);
	error = mlx5_cmd_exec_inout(dev, alloc_uar, in, out);
	if (!error)
		*uar = MLX5_GET(alloc_uar_out, out, uar);
	return error;
}

static void free_uar(struct mlx5_core_dev *dev, u32 uar)
{
	u32 in[MLX5_ST_SZ_DW(dealloc_uar_in)] = {};

	MLX5_SET(dealloc_uar_in, in, opcode, MLX5_CMD_OP_DEALLOC_UAR);
	MLX5_SET(dealloc_uar_in, in, uar, uar);
	mlx5_cmd_exec_in(dev, dealloc_uar, in);
}

static struct mlx5_uars_page *map_uar(struct mlx5_core_dev *dev)
{
	struct mlx5_uars_page *page = kzalloc(sizeof(*page), GFP_KERNEL);
	int error;

	if (!page)
		return ERR_PTR(-ENOMEM);
	page->mdev = dev;
	error = alloc_uar(dev, &page->index);
	if (error) {
		kfree(page);
		return ERR_PTR(error);
	}
	page->map = ioremap(pci_resource_start(dev->pdev, 0) + page->index * CX_UAR_SIZE,
			    CX_UAR_SIZE);
	if (!page->map) {
		free_uar(dev, page->index);
		kfree(page);
		return ERR_PTR(-ENOMEM);
	}
	return page;
}

struct mlx5_uars_page *mlx5_get_uars_page(struct mlx5_core_dev *dev)
{
	struct cx_card *card = cx_card_of(dev);
	int error = cx_called(card, NULL, "get_uars_page");
	struct mlx5_uars_page *page;

	if (error)
		return ERR_PTR(error);
	guard(mutex)(&card->doorbells_lock);
	if (!card->doorbells) {
		page = map_uar(dev);
		if (IS_ERR(page))
			return page;
		card->doorbells = page;
	}
	card->doorbell_users++;
	return card->doorbells;
}
EXPORT_SYMBOL(mlx5_get_uars_page);

void mlx5_put_uars_page(struct mlx5_core_dev *dev, struct mlx5_uars_page *page)
{
	struct cx_card *card = cx_card_of(dev);

	cx_called(card, NULL, "put_uars_page");
	guard(mutex)(&card->doorbells_lock);
	if (!cx_expect(page && page == card->doorbells, "unknown doorbells are given back") ||
	    --card->doorbell_users)
		return;
	card->doorbells = NULL;
	iounmap(page->map);
	free_uar(dev, page->index);
	kfree(page);
}
EXPORT_SYMBOL(mlx5_put_uars_page);
