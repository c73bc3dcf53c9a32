/* internal.h -- the scheduler's parts, for the files of this folder. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LOCAL_SCHEDULER_INTERNAL_H
#define LOCAL_SCHEDULER_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>

#include "local/engine/bound.h"
#include "local/engine/ends.h"
#include "local/engine/writer.h"
#include "local/model/model.h"
#include "local/scheduler.h"
#include "local/scheduler/prefix.h"
#include "local/scheduler/turns.h"

/*
 * One lock guards what other threads touch: the list of lanes, each lane's
 * arrivals and what is published of it. Everything else belongs to the
 * scheduler's thread. No callback and no arithmetic runs under the lock.
 */
struct scheduler {
	pthread_mutex_t lock;
	pthread_cond_t work; /* for the thread: something came */
	pthread_cond_t gone; /* for lane_close: a lane is empty */
	struct list lanes;   /* of struct lane, under lock */
	bool is_ending;      /* under lock */
	struct masks *masks; /* the thread's */
	bool is_resharing;   /* under lock: shares of memory changed */
	uint64_t kv_bytes;
	int nice;
	uint64_t taken_at; /* the thread's: where who was taken last stood */
	pthread_t thread;
};

/* Whose texts they are. The thread's. */
struct tenant {
	struct list link; /* of lane.tenants */
	char *name;       /* (len) */
	size_t len;
	uint32_t n_jobs;
	uint64_t served; /* tokens, or the lane's floor when it came */
};

struct lane {
	struct list link; /* of scheduler.lanes */
	struct scheduler *scheduler;
	const struct checkpoint *checkpoint;
	struct model *model;
	struct model_info info;
	struct ends ends;
	struct lane_options options; /* complete; name is the lane's own */

	/* Under the scheduler's lock: */
	struct list arrivals; /* of struct job */
	uint32_t n_arrivals;
	uint32_t room;   /* tokens that a text may have */
	uint64_t kv_max; /* bytes */
	uint64_t n_refused;
	bool is_closing, is_gone;
	int64_t close_at;        /* when those left are cancelled */
	bool is_blocked;         /* the next one waits for memory */
	int64_t leave_ns;        /* between two ends of late; 0: unknown */
	struct lane_stats stats; /* published */

	/* The thread's: */
	uint32_t room_now; /* room and kv_max as the thread took them */
	uint64_t kv_now;
	struct list waiting; /* of struct job, by arrival */
	struct list running; /* the same, admitted */
	uint32_t n_running;
	struct list tenants;
	uint64_t floor;  /* where who comes back starts, at least */
	uint32_t n_jobs; /* that came and have not ended */
	uint64_t n_came; /* that ever came */
	struct turn turn;
	double mean_written; /* tokens of late; see n_written */
	uint64_t n_written;  /* texts that came to their own end */
	int64_t last_end;    /* when one ended; 0: idle since */
	bool waits_for_memory;
	struct lane_stats now;       /* to be published */
	double leave;                /* leave_ns before it is published */
	struct grammar_vocab *vocab; /* NULL until a text needs it */
	char *vocab_error;           /* why there can be none, or NULL */
	struct text **bound;         /* (batch) room for a step's */
	struct prefix *prefix;       /* NULL for an encoder */
	struct session_part *parts;  /* (batch) of the step */
	struct job **planned;        /* (batch) whose they are */
	float *logits;               /* (batch, vocab) */
};

/* Tokens that were chosen and wait for their text to be given out. */
struct told {
	struct sample_choice *choices; /* (n) */
	struct sample_top *tops;       /* (n, n_tops) */
	struct span *spans;            /* (cap) room to tell of them */
	size_t *ends;                  /* (n) of each in bytes */
	bool *free;                    /* (n) a grammar left a choice */
	struct buf bytes;
	size_t n, cap;
	size_t given; /* tokens that were told of before */
};

/* The pages of a text. */
struct chain {
	struct prefix_hash root;
	struct prefix_hash *hashes;    /* (n) of full pages */
	struct prefix_entry **entries; /* (n_held) NULL: another text's */
	uint32_t n, n_held, cap;
};

/* A text to write. */
struct text {
	struct sample_options sample; /* with own biases */
	struct sample_bias *biases;
	uint32_t *tokens; /* (n_tokens) the prompt and what followed */
	uint32_t n_tokens, cap;
	uint32_t n_prompt;
	uint32_t limit;   /* tokens that it may write */
	uint32_t room;    /* tokens of its session */
	uint32_t written; /* tokens chosen, ends of text not among them */
	uint32_t n_tops;
	struct writer *writer;
	struct told told;
	struct bound bound;
	struct sample_summary summary; /* of what was told and was free */
	struct job_watch watch;

	/* While it runs: */
	struct session *session;
	struct chain chain;          /* hashes stay when it does not */
	struct sampler *sampler;     /* from the first admission to the end */
	struct sample_choice choice; /* the step's */
	uint32_t reserved;           /* tokens that there is memory for */
	uint32_t most;               /* tokens computed before a preemption */
	bool is_ready; /* its prompt may go on in the step that is planned */
};

/* Texts to embed or to classify. */
struct encoding {
	struct model_text *texts; /* (n) */
	uint32_t *tokens;         /* of all texts, then their types */
	uint32_t n, done;
	bool classifies;
	uint32_t width;
	float *values; /* (n, width) */
	void (*ended)(void *arg, const struct encode_result *result);
	void *arg;
};

struct job {
	struct list link; /* of arrivals, waiting, running or leaving */
	enum job_end leaves_as;
	struct lane *lane;
	_Atomic uint32_t refs;
	_Atomic bool is_cancelled;
	int priority;
	struct span tenant_name; /* own copy, until the thread has it */
	struct tenant *tenant;
	uint64_t number; /* by arrival in the lane */
	int64_t came_ns;
	bool was_admitted, was_preempted, is_running;
	uint64_t charged; /* to the tenant, for what it was expected to take */
	struct job_use use;
	struct text *text;         /* or */
	struct encoding *encoding; /* one of the two */
};

/* --- lane.c --------------------------------------------------------------- */

/* Divides the memory anew among the lanes; the lock is held. */
void lane_reshare(struct scheduler *scheduler);

/*
 * Publishes how its memory stands, whose share may have changed without a step
 * of its own; the lock is held.
 */
void lane_count_memory(struct lane *lane);

/* Lets others see how it stands. */
void lane_publish(struct lane *lane);

/* --- job.c ---------------------------------------------------------------- */

/* Ends a job wherever it is: tells so and drops the lane's reference. */
void job_end(struct job *job, enum job_end end, const char *error);

/* --- queue.c -------------------------------------------------------------- */

/* Takes what arrived; the lock is held. */
void queue_take_arrivals(struct lane *lane);

/*
 * Moves jobs that were cancelled or that waited too long to <leaving>; the
 * lock is held.
 */
void queue_sweep(struct lane *lane, int64_t now, struct list *leaving);

/* Who is to be admitted next, or NULL. */
struct job *queue_next(struct lane *lane);

/* Charges a job's tenant with what it is expected to take, or took. */
void queue_charge(struct job *job, uint64_t tokens);

/* The job is over for its tenant. */
void queue_leave(struct job *job);

/* Frees the tenants; nobody is here any more. */
void queue_forget_all(struct lane *lane);

/* --- admit.c -------------------------------------------------------------- */

/* Lets in who fits, in order. */
void admit_next(struct lane *lane, int64_t now);

/* Makes sure of memory for every running text's next tokens. */
void admit_secure(struct lane *lane);

/* Takes a running text's memory and lets it wait to be computed again. */
void admit_preempt(struct job *job);

/* Learns how long texts become. */
void admit_learn(struct lane *lane, uint32_t written);

/* --- chain.c -------------------------------------------------------------- */

/* Takes over what is there; the number of pages. */
uint32_t chain_adopt(struct job *job);

/* Enters the pages that became full since the text had <from> tokens. */
void chain_enter(struct job *job, uint32_t from);

/* Lets go of the pages, before the session is freed. */
void chain_leave(struct job *job);

/* Whether a text before it computes its next page right now. */
bool chain_awaits(struct job *job);

void chain_free(struct chain *chain);

/* --- tell.c --------------------------------------------------------------- */

void told_init(struct told *told);
void told_free(struct told *told);

/* Remembers a chosen token until its text is out. */
void told_add(struct job *job, const struct sample_choice *choice,
    const float *logits, bool is_free);

/* Tells the caller what is new and settled. */
void told_give(struct job *job);

/* --- masks.c -------------------------------------------------------------- */

struct masks *masks_new(void);
void masks_free(struct masks **masks);

/* Begins to find the masks of texts (n), which are left alone until waited. */
void masks_start(struct masks *masks, struct text *const *texts, uint32_t n);
void masks_wait(struct masks *masks);

/* --- vocab.c -------------------------------------------------------------- */

/*
 * Binds a text that is let in to its grammar, where it has one; FAILED where
 * the vocabulary cannot write what the grammar asks for.
 */
enum result vocab_bind(struct job *job, struct error *err) must_check;

/* --- text.c, encode.c: one step of a lane --------------------------------- */

void text_step(struct lane *lane);
void encode_step(struct lane *lane);

/* Adds a measured value to a mean of those of late. */
static inline void late_mean(double *mean, double value)
{
	*mean = *mean > 0 ? *mean + (value - *mean) / 8 : value;
}

#endif
