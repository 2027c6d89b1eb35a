// SPDX-License-Identifier: GPL-2.0-only
/*
 * The FSM, against an expectation that is worked out here from the text of
 * the uAPI (include/uapi/linux/vfio.h, enum vfio_device_mig_state): its arcs
 * and its rules for the path of a combination transition. Neither the core's
 * table nor the driver's has any part in it.
 */
#include <linux/panic.h>

#include "helpers.h"
#include "stream.h"

#define NR_STATES	MTTY_TEST_NR_STATES
#define S(state)	VFIO_DEVICE_STATE_##state

/* What the uAPI describes: the arcs of a device that has all states */
static const u8 uapi_arcs[][2] = {
	{ S(RUNNING_P2P), S(STOP) },
	{ S(STOP_COPY), S(STOP) },
	{ S(RESUMING), S(STOP) },
	{ S(PRE_COPY), S(RUNNING) },
	{ S(RUNNING_P2P), S(RUNNING) },
	{ S(PRE_COPY_P2P), S(RUNNING_P2P) },
	{ S(RUNNING), S(RUNNING_P2P) },
	{ S(STOP), S(RUNNING_P2P) },
	{ S(RUNNING), S(PRE_COPY) },
	{ S(RUNNING_P2P), S(PRE_COPY_P2P) },
	{ S(STOP), S(STOP_COPY) },
	{ S(PRE_COPY), S(PRE_COPY_P2P) },
	{ S(PRE_COPY_P2P), S(PRE_COPY) },
	{ S(PRE_COPY_P2P), S(STOP_COPY) },
	{ S(STOP), S(RESUMING) },
};

/**
 * struct fsm - the states and arcs of one set of capabilities
 * @supported: states that the device has
 * @arc: whether there is an arc from one state to another
 * @nr_arcs: how many there are
 */
struct fsm {
	bool supported[NR_STATES];
	bool arc[NR_STATES][NR_STATES];
	unsigned int nr_arcs;
};

static struct fsm fsms[MTTY_MIG_NR_TYPES];

/* PRE_COPY, PRE_COPY_P2P and STOP_COPY form the "saving group" of states */
static bool saving(unsigned int state)
{
	return state == S(PRE_COPY) || state == S(PRE_COPY_P2P) ||
	       state == S(STOP_COPY);
}

/* States in which there is a data transfer session */
static bool has_session(unsigned int state)
{
	return saving(state) || state == S(RESUMING);
}

/* "Moving between these states does not terminate the associated fd" */
static bool same_session(unsigned int from, unsigned int to)
{
	return from == to || (saving(from) && saving(to));
}

/*
 * "For the purpose of specification the states behave as though the device
 * was fully running if not supported."
 */
static unsigned int fully_running(unsigned int state, unsigned int flags)
{
	if (flags & VFIO_MIGRATION_P2P)
		return state;
	if (state == S(RUNNING_P2P))
		return S(RUNNING);
	if (state == S(PRE_COPY_P2P))
		return S(PRE_COPY);
	return state;
}

static bool is_pre_copy(unsigned int state)
{
	return state == S(PRE_COPY) || state == S(PRE_COPY_P2P);
}

static void fsm_build(struct fsm *fsm, unsigned int flags)
{
	unsigned int i;

	memset(fsm, 0, sizeof(*fsm));
	for (i = 0; i < ARRAY_SIZE(uapi_arcs); i++) {
		unsigned int from = fully_running(uapi_arcs[i][0], flags);
		unsigned int to = fully_running(uapi_arcs[i][1], flags);

		/* "Arcs touching [these] are removed" */
		if (!(flags & VFIO_MIGRATION_PRE_COPY) &&
		    (is_pre_copy(from) || is_pre_copy(to)))
			continue;
		if (from == to || fsm->arc[from][to])
			continue;
		fsm->arc[from][to] = true;
		fsm->supported[from] = true;
		fsm->supported[to] = true;
		fsm->nr_arcs++;
	}
}

/**
 * fsm_path - the path of a transition
 * @fsm: the states and arcs
 * @from: a state that the device has
 * @to: any number
 * @path: set to the states on the way, @from and @to included
 *
 * Breadth first, with these rules of the text:
 * - "Select the shortest path."
 * - "The path cannot have saving group states as interior arcs, only
 *   starting/end states." Between two of them it can, for the session goes on.
 * - STOP_COPY -> PRE_COPY and STOP_COPY -> PRE_COPY_P2P "are not permitted"
 * - "ERROR cannot be specified as a device state"
 *
 * Return: how many arcs there are, or -EINVAL if there is no path; -ENOTUNIQ
 * if the rules leave a choice, in which case there is no expectation.
 */
static int fsm_path(const struct fsm *fsm, unsigned int from, unsigned int to,
		    u8 path[NR_STATES])
{
	unsigned int queue[NR_STATES], head = 0, tail = 0, state, next;
	unsigned int ways[NR_STATES] = {};
	int dist[NR_STATES] = {};
	u8 prev[NR_STATES];
	int i;

	if (to >= NR_STATES || !fsm->supported[to] || to == S(ERROR))
		return -EINVAL;
	if (from == S(STOP_COPY) && is_pre_copy(to))
		return -EINVAL;

	queue[tail++] = from;
	ways[from] = 1;
	while (head < tail) {
		state = queue[head++];
		if (state != from && saving(state) &&
		    !(saving(from) && saving(to)))
			continue;
		for (next = 0; next < NR_STATES; next++) {
			if (!fsm->arc[state][next])
				continue;
			if (!ways[next]) {
				dist[next] = dist[state] + 1;
				prev[next] = state;
				queue[tail++] = next;
			}
			if (dist[next] == dist[state] + 1)
				ways[next] += ways[state];
		}
	}
	if (!ways[to])
		return -EINVAL;
	if (ways[to] > 1)
		return -ENOTUNIQ;

	for (i = dist[to], state = to; i > 0; i--) {
		path[i] = state;
		state = prev[state];
	}
	path[0] = from;
	return dist[to];
}

/* How much of the device runs in a state */
static enum mtty_run run_in(unsigned int state)
{
	switch (state) {
	case S(RUNNING):
	case S(PRE_COPY):
		return MTTY_RUNNING;
	case S(RUNNING_P2P):
	case S(PRE_COPY_P2P):
		return MTTY_RUNNING_P2P;
	default:
		return MTTY_STOPPED;
	}
}

/* Cases */

struct pair {
	enum mtty_mig_type type;
	u8 from;
	u8 to;
};

/* (4 + 5 + 5 + 7) states, from each of them to any of 8 */
static struct pair pairs[21 * 8];
/* From ERROR to any of 8, for each of 4 sets of capabilities */
static struct pair errors[4 * 8];
static struct pair arcs[6 + 8 + 9 + 15];
/* RESUMING to each other state */
static struct pair incomplete[3 + 4 + 4 + 6];
static struct pair states[21];

/* The generators hand out what fsm_suite_init() has filled in */

static void pair_desc(struct pair *p, char *desc)
{
	snprintf(desc, KUNIT_PARAM_DESC_SIZE, "%s: %s to %s",
		 mtty_test_type_name(p->type), mtty_state_name(p->from),
		 mtty_state_name(p->to));
}

static void state_desc(struct pair *p, char *desc)
{
	snprintf(desc, KUNIT_PARAM_DESC_SIZE, "%s: %s",
		 mtty_test_type_name(p->type), mtty_state_name(p->from));
}

KUNIT_ARRAY_PARAM(pairs, pairs, pair_desc);
KUNIT_ARRAY_PARAM(errors, errors, pair_desc);
KUNIT_ARRAY_PARAM(arcs, arcs, pair_desc);
KUNIT_ARRAY_PARAM(incomplete, incomplete, pair_desc);
KUNIT_ARRAY_PARAM(states, states, state_desc);

struct cursor {
	struct pair *next;
	struct pair *end;
};

static int add(struct cursor *c, enum mtty_mig_type type, u8 from, u8 to)
{
	if (c->next == c->end)
		return -ENOSPC;
	*c->next++ = (struct pair){ type, from, to };
	return 0;
}

static struct cursor over(struct pair *array, size_t count)
{
	return (struct cursor){ array, array + count };
}

/* If a number differs from the size of its array, the suite fails */
static int fsm_suite_init(struct kunit_suite *suite)
{
	struct cursor pair = over(pairs, ARRAY_SIZE(pairs));
	struct cursor error = over(errors, ARRAY_SIZE(errors));
	struct cursor arc = over(arcs, ARRAY_SIZE(arcs));
	struct cursor data = over(incomplete, ARRAY_SIZE(incomplete));
	struct cursor state = over(states, ARRAY_SIZE(states));
	enum mtty_mig_type type;
	int ret = 0;
	u8 from, to;

	for (type = MTTY_TEST_FIRST_TYPE; type <= MTTY_TEST_LAST_TYPE; type++) {
		struct fsm *fsm = &fsms[type];

		fsm_build(fsm, mtty_type_get(type)->migration_flags);
		for (to = 0; to < NR_STATES; to++)
			ret = ret ?: add(&error, type, S(ERROR), to);
		for (from = 0; from < NR_STATES; from++) {
			if (!fsm->supported[from])
				continue;
			ret = ret ?: add(&state, type, from, from);
			for (to = 0; to < NR_STATES; to++) {
				ret = ret ?: add(&pair, type, from, to);
				if (fsm->arc[from][to])
					ret = ret ?: add(&arc, type, from, to);
				if (from == S(RESUMING) && from != to &&
				    fsm->supported[to])
					ret = ret ?: add(&data, type, from, to);
			}
		}
	}
	if (pair.next != pair.end || error.next != error.end ||
	    arc.next != arc.end || data.next != data.end ||
	    state.next != state.end)
		return ret ?: -ENODATA;
	return ret;
}

/* Devices in a state */

/**
 * walk_to - bring a device from RUNNING to a state, by one arc at a time
 * @test: the test
 * @mtty: the device
 * @to: the state
 *
 * Return: the file of the session that there is then, or NULL.
 */
static struct file *walk_to(struct kunit *test, struct mtty_device *mtty,
			    unsigned int to)
{
	struct file *filp = NULL;
	u8 path[NR_STATES];
	int i, len;

	len = fsm_path(&fsms[mtty->type->id], S(RUNNING), to, path);
	KUNIT_ASSERT_GE(test, len, 0);
	for (i = 1; i <= len; i++)
		filp = mtty_test_enter(test, mtty, path[i]) ?: filp;
	KUNIT_ASSERT_EQ(test, has_session(to), !!filp);
	return filp;
}

/* The stream of a device of the same type with other content */
static struct mtty_test_blob *stream_for(struct kunit *test,
					 struct mtty_device *mtty, u64 *digest)
{
	struct mtty_test_blob *blob = mtty_test_blob(test, SZ_32K);
	struct mtty_mem *mem = mtty_test_mem(test, mtty->mem->size);
	struct rnd_state rnd;
	struct mtty_hw *hw;

	hw = kunit_kzalloc(test, sizeof(*hw), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, hw);
	prandom_seed_state(&rnd, 99);
	mtty_hw_reset(hw, mem->size);
	mtty_test_random_hw(&rnd, hw);
	mtty_test_fill_mem(test, &rnd, mem);
	mtty_test_put_all(test, blob, mtty->type->id, mem, hw);
	*digest = mtty_mem_digest(mem, mtty_hw_digest(hw));
	return blob;
}

static void feed(struct kunit *test, struct mtty_device *mtty,
		 struct file *filp)
{
	u64 digest;

	KUNIT_ASSERT_EQ(test, 0,
			mtty_test_load(test, filp,
				       stream_for(test, mtty, &digest),
				       MTTY_TEST_USER_SIZE));
}

static struct mtty_device *device_for(struct kunit *test,
				      enum mtty_mig_type type)
{
	struct mtty_device *mtty = mtty_test_device(test, type, SZ_16K);

	mtty_test_fill(test, mtty, 1);
	return mtty;
}

/* Transitions */

static void fsm_transition(struct kunit *test)
{
	const struct pair *p = test->param_value;
	struct mtty_device *mtty = device_for(test, p->type);
	struct file *session, *filp;
	bool begins = false, ends = false;
	u8 path[NR_STATES];
	int len, ret;

	len = fsm_path(&fsms[p->type], p->from, p->to, path);
	KUNIT_ASSERT_NE_MSG(test, -ENOTUNIQ, len, "no expectation");
	if (len > 0) {
		begins = has_session(p->to) &&
			 !same_session(path[len - 1], p->to);
		ends = has_session(p->from) && !same_session(p->from, path[1]);
	}

	session = walk_to(test, mtty, p->from);
	if (p->from == S(RESUMING))
		feed(test, mtty, session);

	ret = mtty_test_set_state(test, mtty, p->to, &filp);
	KUNIT_EXPECT_EQ(test, min(len, 0), ret);
	KUNIT_EXPECT_EQ(test, len < 0 ? p->from : p->to,
			mtty_test_get_state(mtty));
	KUNIT_EXPECT_EQ(test, begins, !!filp);
	if (session)
		KUNIT_EXPECT_EQ(test, ends, mtty_test_fd_dead(test, session));
	if (filp)
		KUNIT_EXPECT_FALSE(test, mtty_test_fd_dead(test, filp));
}

/* Without data, only a reset leads out of RESUMING */
static void fsm_leaving_resuming_without_data(struct kunit *test)
{
	const struct pair *p = test->param_value;
	struct mtty_device *mtty = device_for(test, p->type);
	struct file *session, *filp;

	session = walk_to(test, mtty, S(RESUMING));
	KUNIT_EXPECT_EQ(test, -ENODATA,
			mtty_test_set_state(test, mtty, p->to, &filp));
	KUNIT_EXPECT_NULL(test, filp);
	KUNIT_EXPECT_EQ(test, S(RESUMING), mtty_test_get_state(mtty));
	KUNIT_EXPECT_FALSE(test, mtty_test_fd_dead(test, session));
	KUNIT_EXPECT_EQ(test, MTTY_STOPPED, mtty_test_run(mtty));
}

struct out_of_range {
	const char *name;
	unsigned int state;
};

static const struct out_of_range out_of_range[] = {
	{ "the first", VFIO_DEVICE_STATE_PRE_COPY_P2P + 1 },
	{ "the next", VFIO_DEVICE_STATE_PRE_COPY_P2P + 2 },
	{ "255", 255 },
	{ "the largest positive", INT_MAX },
	{ "the smallest negative", 1U << 31 },
	{ "the largest", UINT_MAX },
};

KUNIT_ARRAY_PARAM_DESC(out_of_range, out_of_range, name);

static void fsm_state_out_of_range(struct kunit *test)
{
	const struct out_of_range *p = test->param_value;
	struct mtty_device *mtty = device_for(test, MTTY_MIG_TYPE_FULL);
	struct file *session = walk_to(test, mtty, S(PRE_COPY));
	struct file *filp;

	KUNIT_EXPECT_EQ(test, -EINVAL,
			mtty_test_set_state(test, mtty, p->state, &filp));
	KUNIT_EXPECT_EQ(test, S(PRE_COPY), mtty_test_get_state(mtty));
	KUNIT_EXPECT_FALSE(test, mtty_test_fd_dead(test, session));
}

static void fsm_same_state_changes_nothing(struct kunit *test)
{
	const struct pair *p = test->param_value;
	struct mtty_device *mtty = device_for(test, p->type);
	struct file *session = walk_to(test, mtty, p->from);
	u64 digest = mtty_card_digest(mtty);
	struct file *filp;
	unsigned int i;

	for (i = 0; i < 2; i++) {
		KUNIT_EXPECT_EQ(test, 0, mtty_test_set_state(test, mtty,
							     p->from, &filp));
		KUNIT_EXPECT_NULL(test, filp);
		KUNIT_EXPECT_EQ(test, p->from, mtty_test_get_state(mtty));
	}
	if (session)
		KUNIT_EXPECT_FALSE(test, mtty_test_fd_dead(test, session));
	KUNIT_EXPECT_EQ(test, digest, mtty_card_digest(mtty));
	KUNIT_EXPECT_EQ(test, run_in(p->from), mtty_test_run(mtty));
}

/* Arcs */

static void fsm_arc(struct kunit *test)
{
	const struct pair *p = test->param_value;
	struct mtty_device *mtty = device_for(test, p->type);
	struct file *session = walk_to(test, mtty, p->from);
	struct file *filp;
	u64 digest;

	KUNIT_EXPECT_EQ(test, run_in(p->from), mtty_test_run(mtty));
	digest = mtty_card_digest(mtty);
	if (p->from == S(RESUMING))
		KUNIT_ASSERT_EQ(test, 0,
				mtty_test_load(test, session,
					       stream_for(test, mtty, &digest),
					       MTTY_TEST_USER_SIZE));
	filp = mtty_test_enter(test, mtty, p->to);
	KUNIT_EXPECT_EQ(test, run_in(p->to), mtty_test_run(mtty));

	/* The session: it begins, goes on, ends, or does not exist */
	if (has_session(p->to) && !same_session(p->from, p->to)) {
		KUNIT_ASSERT_NOT_NULL(test, filp);
		KUNIT_EXPECT_FALSE(test, mtty_test_fd_dead(test, filp));
		KUNIT_EXPECT_EQ(test, saving(p->to),
				!!(filp->f_mode & FMODE_READ));
		KUNIT_EXPECT_EQ(test, !saving(p->to),
				!!(filp->f_mode & FMODE_WRITE));
	} else {
		KUNIT_EXPECT_NULL(test, filp);
	}
	if (session)
		KUNIT_EXPECT_EQ(test, !same_session(p->from, p->to),
				mtty_test_fd_dead(test, session));

	/* Changes are marked as long as there is a session that saves */
	KUNIT_EXPECT_EQ(test, saving(p->to), !!mtty->mem->dirty);

	/* Content: a session that loads begins with a reset device */
	if (p->to == S(RESUMING))
		KUNIT_EXPECT_NE(test, digest, mtty_card_digest(mtty));
	else
		KUNIT_EXPECT_EQ(test, digest, mtty_card_digest(mtty));
}

/* The fd that goes on still sends all that is unsent */
static void fsm_session_goes_on_to_the_end(struct kunit *test)
{
	struct mtty_device *mtty = device_for(test, MTTY_MIG_TYPE_FULL);
	struct mtty_test_blob *blob = mtty_test_blob(test, SZ_64K);
	struct file *filp = walk_to(test, mtty, S(PRE_COPY));

	mtty_test_enter(test, mtty, S(PRE_COPY_P2P));
	mtty_test_enter(test, mtty, S(PRE_COPY));
	KUNIT_EXPECT_EQ(test, -ENOMSG, mtty_test_save(test, filp, blob,
						      SZ_4K));
	mtty_test_enter(test, mtty, S(STOP_COPY));
	KUNIT_EXPECT_EQ(test, 0, mtty_test_save(test, filp, blob, SZ_4K));
	KUNIT_EXPECT_GT(test, blob->len, MTTY_TEST_MIN_SIZE);
}

/* A session whose fd never reached userspace (EMFILE) can be ended */
static void fsm_session_without_fd_can_be_left(struct kunit *test)
{
	struct mtty_device *mtty = device_for(test, MTTY_MIG_TYPE_FULL);
	struct file *filp = walk_to(test, mtty, S(STOP_COPY));

	mtty_test_put_file(test, filp);
	KUNIT_EXPECT_EQ(test, S(STOP_COPY), mtty_test_get_state(mtty));
	mtty_test_enter(test, mtty, S(STOP));
	filp = mtty_test_enter(test, mtty, S(STOP_COPY));
	KUNIT_ASSERT_NOT_NULL(test, filp);
	KUNIT_EXPECT_FALSE(test, mtty_test_fd_dead(test, filp));
}

static void fsm_each_session_has_a_new_fd(struct kunit *test)
{
	struct mtty_device *mtty = device_for(test, MTTY_MIG_TYPE_FULL);
	struct file *first = walk_to(test, mtty, S(STOP_COPY)), *second;

	mtty_test_enter(test, mtty, S(STOP));
	second = mtty_test_enter(test, mtty, S(STOP_COPY));
	KUNIT_ASSERT_NOT_NULL(test, second);
	KUNIT_EXPECT_PTR_NE(test, first, second);
	KUNIT_EXPECT_TRUE(test, mtty_test_fd_dead(test, first));
	KUNIT_EXPECT_FALSE(test, mtty_test_fd_dead(test, second));
}

/* The core and this file agree on what a driver has to implement */

struct count {
	const char *name;
	enum mtty_mig_type type;
	unsigned int flags;
	unsigned int nr_arcs;
};

static const struct count counts[] = {
	{ "STOP_COPY", MTTY_MIG_TYPE_BASE, VFIO_MIGRATION_STOP_COPY, 6 },
	{ "STOP_COPY, P2P", MTTY_MIG_TYPE_P2P,
	  VFIO_MIGRATION_STOP_COPY | VFIO_MIGRATION_P2P, 8 },
	{ "STOP_COPY, PRE_COPY", MTTY_MIG_TYPE_PRECOPY,
	  VFIO_MIGRATION_STOP_COPY | VFIO_MIGRATION_PRE_COPY, 9 },
	{ "STOP_COPY, P2P, PRE_COPY", MTTY_MIG_TYPE_FULL,
	  VFIO_MIGRATION_STOP_COPY | VFIO_MIGRATION_P2P |
	  VFIO_MIGRATION_PRE_COPY, 15 },
};

KUNIT_ARRAY_PARAM_DESC(counts, counts, name);

static void fsm_arcs_that_the_core_asks_for(struct kunit *test)
{
	const struct count *p = test->param_value;
	const struct fsm *fsm = &fsms[p->type];
	struct mtty_device *mtty = mtty_test_get(test, p->type, 0);
	bool asked[NR_STATES][NR_STATES] = {};
	enum vfio_device_mig_state next;
	unsigned int from, to, nr = 0;

	KUNIT_EXPECT_EQ(test, p->flags, mtty->vdev.migration_flags);
	KUNIT_EXPECT_EQ(test, p->nr_arcs, fsm->nr_arcs);
	for (from = 0; from < NR_STATES; from++)
		for (to = 0; to < NR_STATES; to++) {
			if (!fsm->supported[from] || from == to ||
			    vfio_mig_get_next_state(&mtty->vdev, from, to,
						    &next))
				continue;
			KUNIT_EXPECT_TRUE_MSG(test, fsm->arc[from][next],
					      "%s to %s",
					      mtty_state_name(from),
					      mtty_state_name(next));
			nr += !asked[from][next];
			asked[from][next] = true;
		}
	KUNIT_EXPECT_EQ(test, p->nr_arcs, nr);
}

static void fsm_type_without_migration(struct kunit *test)
{
	struct mtty_device *mtty = mtty_test_device(test, MTTY_MIG_TYPE_NONE,
						    0);

	KUNIT_EXPECT_EQ(test, 0, mtty->vdev.migration_flags);
	KUNIT_EXPECT_NULL(test, mtty->vdev.mig_ops);
}

/* ERROR */

static void force_state(struct mtty_device *mtty, unsigned int state)
{
	mutex_lock(&mtty->state_mutex);
	mtty->state = state;
	mutex_unlock(&mtty->state_mutex);
	mutex_lock(&mtty->hw_lock);
	mtty->run = run_in(state);
	mtty->dma_run = run_in(state);
	mutex_unlock(&mtty->hw_lock);
}

static void fsm_error_refuses(struct kunit *test)
{
	const struct pair *p = test->param_value;
	struct mtty_device *mtty = device_for(test, p->type);
	bool warned = test_taint(TAINT_WARN);
	struct file *filp;

	force_state(mtty, S(ERROR));
	KUNIT_EXPECT_EQ(test, -EIO,
			mtty_test_set_state(test, mtty, p->to, &filp));
	KUNIT_EXPECT_EQ(test, S(ERROR), mtty_test_get_state(mtty));
	/* The core warns if it is asked for the way out of ERROR */
	KUNIT_EXPECT_EQ(test, warned, test_taint(TAINT_WARN));
}

static void fsm_error_is_left_by_reset(struct kunit *test)
{
	struct mtty_device *mtty = device_for(test, MTTY_MIG_TYPE_FULL);

	force_state(mtty, S(ERROR));
	mtty_test_reset(test, mtty);
	KUNIT_EXPECT_EQ(test, S(RUNNING), mtty_test_get_state(mtty));
	KUNIT_EXPECT_EQ(test, MTTY_RUNNING, mtty_test_run(mtty));
	mtty_test_enter(test, mtty, S(STOP));
}

/* Reset, open, close */

/* All that a reset has to do, whoever asked for it */
static void expect_reset(struct kunit *test, struct mtty_device *mtty,
			 struct file *session)
{
	struct mtty_hw *fresh;

	KUNIT_EXPECT_EQ(test, S(RUNNING), mtty_test_get_state(mtty));
	KUNIT_EXPECT_EQ(test, MTTY_RUNNING, mtty_test_run(mtty));
	if (session)
		KUNIT_EXPECT_TRUE(test, mtty_test_fd_dead(test, session));
	fresh = kunit_kzalloc(test, sizeof(*fresh), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, fresh);
	mtty_hw_reset(fresh, mtty->mem->size);
	KUNIT_EXPECT_TRUE(test, mtty_test_hw_equal(fresh, &mtty->hw));
	KUNIT_EXPECT_EQ(test, 0, mtty->mem->nr_pages);
	KUNIT_EXPECT_NULL(test, mtty->mem->dirty);
}

static void fsm_reset_in(struct kunit *test)
{
	const struct pair *p = test->param_value;
	struct mtty_device *mtty = device_for(test, p->type);
	struct file *session = walk_to(test, mtty, p->from);

	mtty_test_reset(test, mtty);
	expect_reset(test, mtty, session);
	/* And the device is ready for a new session */
	KUNIT_EXPECT_NOT_NULL(test, mtty_test_enter(test, mtty, S(STOP_COPY)));
}

static void fsm_close_in(struct kunit *test)
{
	const struct pair *p = test->param_value;
	struct mtty_device *mtty = device_for(test, p->type);
	struct file *session = walk_to(test, mtty, p->from);

	mtty_test_close(test, mtty);
	expect_reset(test, mtty, session);
}

static void fsm_open_normalises(struct kunit *test)
{
	struct mtty_device *mtty = mtty_test_get(test, MTTY_MIG_TYPE_FULL,
						 SZ_16K);

	mtty_test_fill(test, mtty, 1);
	force_state(mtty, S(ERROR));
	mtty_test_open(test, mtty);
	expect_reset(test, mtty, NULL);
}

static void fsm_get_state_while_closed(struct kunit *test)
{
	const struct pair *p = test->param_value;
	struct mtty_device *mtty = mtty_test_get(test, p->type, 0);

	KUNIT_EXPECT_EQ(test, S(RUNNING), mtty_test_get_state(mtty));
	mtty_test_open(test, mtty);
	KUNIT_EXPECT_EQ(test, S(RUNNING), mtty_test_get_state(mtty));
	walk_to(test, mtty, p->from);
	mtty_test_close(test, mtty);
	KUNIT_EXPECT_EQ(test, S(RUNNING), mtty_test_get_state(mtty));
}

static struct kunit_case fsm_cases[] = {
	KUNIT_CASE_PARAM(fsm_arcs_that_the_core_asks_for, counts_gen_params),
	KUNIT_CASE_PARAM(fsm_arc, arcs_gen_params),
	KUNIT_CASE_PARAM(fsm_transition, pairs_gen_params),
	KUNIT_CASE_PARAM(fsm_leaving_resuming_without_data,
			 incomplete_gen_params),
	KUNIT_CASE_PARAM(fsm_state_out_of_range, out_of_range_gen_params),
	KUNIT_CASE_PARAM(fsm_same_state_changes_nothing, states_gen_params),
	KUNIT_CASE(fsm_session_goes_on_to_the_end),
	KUNIT_CASE(fsm_session_without_fd_can_be_left),
	KUNIT_CASE(fsm_each_session_has_a_new_fd),
	KUNIT_CASE(fsm_type_without_migration),
	KUNIT_CASE_PARAM(fsm_error_refuses, errors_gen_params),
	KUNIT_CASE(fsm_error_is_left_by_reset),
	KUNIT_CASE_PARAM(fsm_reset_in, states_gen_params),
	KUNIT_CASE_PARAM(fsm_close_in, states_gen_params),
	KUNIT_CASE(fsm_open_normalises),
	KUNIT_CASE_PARAM(fsm_get_state_while_closed, states_gen_params),
	{}
};

static struct kunit_suite fsm_suite = {
	.name = "mtty_mig_fsm",
	.suite_init = fsm_suite_init,
	.test_cases = fsm_cases,
};

kunit_test_suite(fsm_suite);
