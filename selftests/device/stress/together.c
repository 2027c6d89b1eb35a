// SPDX-License-Identifier: GPL-2.0-only
/*
 * Several threads at once, each with a sequence of calls of its own that the
 * seed gives.
 *
 * While they run, each result must be one that can be (threads.c), and
 * what was asked of the FSM must have an explanation (history.h).  A round
 * ends when all have made their calls.  Then all is exact: which session is
 * alive, what it has sent, whether it arrives, what has been loaded.
 *
 * Buffers are memory whose pages come late (slow_mem.h), so that calls meet.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "../../lib/check.h"
#include "threads.h"

static int run_actor(void *arg)
{
	struct actor *actor = arg;
	struct together *together = actor->together;

	for (actor->step = 0; actor->step < STRESS_ROUND; actor->step++) {
		if (atomic_load(&together->failed))
			break;
		actor->act(actor);
		atomic_fetch_add(&together->run->step, 1);
		if (one_in(&actor->dice, 3))
			sched_yield();
	}
	return 0;
}

/* The end of a round */

static void answer_all(struct together *together)
{
	while (!stress_answer(&together->mtty))
		;
}

/* Which session is alive: NULL if none; more than one is wrong */
static const char *find_alive(struct together *together, __u32 state,
			      struct session **alive)
{
	unsigned int i, nr = atomic_load(&together->nr_sessions);
	const char *why;

	*alive = NULL;
	for (i = 0; i < nr; i++) {
		struct session *session = &together->sessions[i];

		if (fd_poll(session->fd, POLLIN | POLLOUT) & POLLHUP) {
			why = data_fd_dead(session->fd, session->resumes ?
					   VFIO_DEVICE_STATE_RESUMING :
					   VFIO_DEVICE_STATE_STOP_COPY);
			if (why)
				return why;
			continue;
		}
		if (*alive || atomic_load(&session->dead))
			return WRONG("the session of fd %d lives on",
				     session->fd);
		*alive = session;
	}
	if (!*alive != !mig_model_session(state) ||
	    (*alive && (*alive)->resumes == mig_model_saving(state)))
		return WRONG("in %s there is %s session",
			     mig_state_name(state),
			     *alive ? "such a" : "no");
	return NULL;
}

static const char *arrives(struct together *together,
			   struct mig_stream *stream, int data_fd)
{
	int ret;

	ret = __mig_stream_read(stream, data_fd, MIG_CHUNK);
	if (ret)
		return WRONG("the stream ends with %d", ret);
	vfio_dev_reset(&together->dst.dev);
	ret = __mig_load(&together->dst.dev, stream, MIG_CHUNK,
			 VFIO_DEVICE_STATE_STOP);
	if (ret)
		return WRONG("the destination refuses it with %d", ret);
	/* act_dma() may have done so after the registers were sent */
	mtty_bus_master(&together->mtty);
	mtty_bus_master(&together->dst);
	if (mtty_digest(&together->dst) != mtty_digest(&together->mtty))
		return "the destination is not like the source";
	return NULL;
}

static const char *check_resuming(struct together *together,
				  struct session *session)
{
	size_t left = together->image.len - session->loaded;
	int must = session->refused ? session->refused : left ? -ENODATA : 0;
	int data_fd, ret;

	ret = __vfio_mig_set(&together->mtty.dev, VFIO_DEVICE_STATE_STOP,
			     &data_fd);
	if (session->shared)
		return NULL;
	if (ret != must)
		return WRONG("RESUMING to STOP gives %d, not %d", ret, must);
	if (!ret && mtty_digest(&together->mtty) != together->digest)
		return "it was not loaded with what was written";
	return NULL;
}

/* All rest; whatever has happened, the model knows what must be so now */
static const char *check_round(struct together *together)
{
	struct mtty *mtty = &together->mtty;
	struct session *alive;
	struct mig_stream stream = {};
	unsigned int states;
	const char *why;
	__u32 state;
	int data_fd, ret;

	why = history_explain(&together->history, &states);
	if (why)
		return why;
	state = vfio_mig_get(&mtty->dev);
	if (!(states & 1U << state))
		return WRONG("GET says %s, which is none of %#x",
			     mig_state_name(state), states);
	why = find_alive(together, state, &alive);
	/* It has no digest any more once its removal has begun */
	if (why || together->removes)
		return why;
	if (state == VFIO_DEVICE_STATE_RESUMING)
		return check_resuming(together, alive);

	answer_all(together);
	ret = __vfio_mig_set(&mtty->dev, VFIO_DEVICE_STATE_STOP_COPY,
			     &data_fd);
	if (state == VFIO_DEVICE_STATE_ERROR)
		return ret == -EIO ? NULL : WRONG("ERROR is left: %d", ret);
	if (ret || (alive ? data_fd != -1 : data_fd < 0))
		return WRONG("%s to STOP_COPY gives %d, fd %d",
			     mig_state_name(state), ret, data_fd);
	if (alive && alive->shared)
		return NULL;
	if (alive)
		return arrives(together, &alive->stream, alive->fd);
	why = arrives(together, &stream, data_fd);
	mig_stream_free(&stream);
	close(data_fd);
	return why;
}

static void make_device(struct together *together)
{
	struct vfio_dev *dev = &together->mtty.dev;
	__u32 index;

	mtty_new(&together->mtty, together->type, JOURNEY_MEM_SIZE);
	/* The library asks once and remembers, which is not for many threads */
	for (index = 0; index < dev->info.num_regions; index++) {
		__u8 byte[4];

		__vfio_region_read(dev, index, 0, byte, sizeof(byte));
	}
}

/* A reset is the end of each session, and so of each wait for one */
static const char *end_round(struct together *together,
			     struct worker *waiting)
{
	struct mtty *mtty = &together->mtty;
	const char *why = NULL;
	unsigned int i;

	vfio_dev_reset(&mtty->dev);
	if (!together->removes && mtty_digest(mtty) != together->fresh)
		why = "it has content after a reset";
	if (together->removes) {
		vfio_dev_close(&mtty->dev);
		if (worker_join(&together->remover))
			why = "it cannot be removed";
	}
	worker_join(waiting);
	for (i = 0; i < atomic_load(&together->nr_sessions); i++) {
		struct session *session = &together->sessions[i];

		if (!why)
			why = data_fd_dead(session->fd, session->resumes ?
					   VFIO_DEVICE_STATE_RESUMING :
					   VFIO_DEVICE_STATE_STOP_COPY);
		close(session->fd);
		mig_stream_free(&session->stream);
	}
	memset(together->sessions, 0, sizeof(together->sessions));
	atomic_store(&together->nr_sessions, 0);
	if (together->removes)
		make_device(together);
	return why;
}

static const char *round_of(struct together *together, struct actor *actors)
{
	const char *why;
	unsigned int i;

	history_begin(&together->history, together->flags);
	for (i = 0; i < STRESS_THREADS; i++)
		worker_start(&actors[i].worker, run_actor, &actors[i]);
	for (i = 0; i + 1 < STRESS_THREADS; i++)
		worker_join(&actors[i].worker);
	for (i = 0; i < STRESS_THREADS; i++)
		stress_disarm(&actors[i]);
	why = atomic_load(&together->failed) ? together->trouble : NULL;
	if (!why)
		why = check_round(together);
	if (why)
		return why;
	return end_round(together, &actors[STRESS_THREADS - 1].worker);
}

static const char *begin(struct together *together, struct actor *actors,
			 __u64 seed)
{
	const char *why;
	unsigned int i;

	together->null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (together->null_fd < 0)
		die("/dev/null: %s", strerror(errno));
	pthread_mutex_init(&together->iommu, NULL);
	pthread_mutex_init(&together->publish, NULL);
	mtty_new(&together->dst, together->type, JOURNEY_MEM_SIZE);
	make_device(together);
	together->fresh = mtty_digest(&together->mtty);
	journey_fill(&together->mtty);
	together->digest = mtty_digest(&together->mtty);
	mig_save(&together->mtty.dev, &together->image, MIG_CHUNK);
	vfio_dev_reset(&together->mtty.dev);

	for (i = 0; i < STRESS_THREADS; i++) {
		actors[i].together = together;
		actors[i].number = i;
		actors[i].trail = &together->run->trails[i];
		actors[i].act = stress_acts[i];
		actors[i].dice = seed * 1000 + i;
		why = slow_mem_new(&actors[i].slow, STRESS_BUF);
		if (why)
			return why;
	}
	return NULL;
}

/**
 * walk_together - several threads at once
 * @run: how far
 * @type: type of the device
 * @flags: its capabilities, VFIO_MIGRATION_*
 *
 * Return: NULL, or what was wrong.
 */
const char *walk_together(struct random_run *run, const char *type,
			  __u64 flags)
{
	static struct together together;
	static struct actor actors[STRESS_THREADS];
	__u64 dice = run->seed;
	unsigned long step;
	const char *why;

	together.run = run;
	together.type = type;
	together.flags = flags;
	why = begin(&together, actors, run->seed);
	for (step = 0; !why && run_goes_on(run, step); step += STRESS_ROUND) {
		unsigned int kind = below(&dice, 8);

		together.reopens = kind < 3;
		together.removes = kind == 7;
		why = round_of(&together, actors);
	}
	return why;
}
