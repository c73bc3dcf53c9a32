/* scheduler.h -- many texts at once: models that serve. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LOCAL_SCHEDULER_H
#define LOCAL_SCHEDULER_H

#include "local/checkpoint.h"
#include "local/generate.h"
#include "local/sample.h"

/*
 * A scheduler is one thread that computes for several models, a lane each.
 * Every step takes one lane, the one that is furthest behind its share, and
 * computes one batch of it: the next token of each text that is being written
 * and, in what is left of the step's budget, a piece of the prompts that have
 * been admitted. Texts come and go between steps.
 *
 * A text is admitted when there are pages for its prompt and for what it is
 * expected to write; who waits longest for the least served tenant comes
 * first. When the expectation was too small and pages run out, the text that
 * came last gives its pages back and is computed again later, from the tokens
 * that it has; it is not chosen again before it has written more, so that no
 * two texts chase each other. Full pages stay behind as a cache of prefixes:
 * a later text of the same tenant whose prompt begins alike starts from them.
 *
 * Jobs may be made and cancelled from any thread. Their callbacks run on the
 * scheduler's thread, must not block and must not call back into it but for
 * job_cancel; after `ended` there are no more.
 */
struct grammar; /* local/grammar.h */
struct scheduler;
struct lane;
struct job;

struct scheduler_options {
	int nice;          /* of its thread, 0 to 19: others go first; a
			      model's own threads have that of the thread
			      which opened it */
	uint64_t kv_bytes; /* for all lanes, by their weights; 0: 1 GiB */
};

struct scheduler *scheduler_new(
    const struct scheduler_options *options, struct error *err) must_check;

/* All lanes must be gone; NULL is fine. */
void scheduler_free(struct scheduler **scheduler);

/* --- lanes ---------------------------------------------------------------- */

struct lane_options {
	const char *name; /* for messages; copied */
	uint32_t weight;  /* share of time and memory, at least 1 */
	uint32_t batch;   /* texts computed together, at most; 0: 8 */
	uint32_t context; /* tokens of a text; 0: the model's */
	uint32_t queue;   /* texts that wait, at most; 0: 64 */
	int64_t wait_ns;  /* a text that waits so long is refused; 0: never */
	uint32_t budget;  /* tokens of a step; 0: the model's chunk */
	bool keeps_no_prefix; /* nothing stays behind */
};

/*
 * Adds a checkpoint that was opened whole; it must outlive the lane, and nobody
 * else computes with its model until the lane is closed. A lane of
 * an encoder takes encode jobs, one of a language model takes text jobs. NULL
 * when there is no memory for keys and values of a single text.
 */
struct lane *lane_new(struct scheduler *scheduler,
    const struct checkpoint *checkpoint, const struct lane_options *options,
    struct error *err) must_check;

/*
 * Takes no more jobs; those there are end as JOB_CANCELLED unless they finish
 * within <grace_ns>. Blocks until the last callback has returned, then frees.
 */
void lane_close(struct lane **lane, int64_t grace_ns);

/* How a lane stands, and what it has done since it began. */
struct lane_stats {
	uint32_t waiting, running; /* texts */
	double kv_free;            /* 0..1 of its share, cached prefixes
				      counted as free */
	uint64_t kv_used_bytes, kv_cached_bytes, kv_max_bytes;
	uint64_t prompt_tokens, cached_tokens, output_tokens;
	uint64_t steps, rows; /* rows: tokens computed, by all steps */
	uint64_t busy_ns;     /* wall time of its steps */
	uint64_t finished, cancelled, failed, refused, preempted;
	uint64_t recomputed_tokens; /* after preemptions */
	/* Of late, for estimates; 0: not known yet. */
	double prompt_token_ns, output_token_ns; /* busy time of one token */
};
void lane_stats(const struct lane *lane, struct lane_stats *out);

/* --- texts ---------------------------------------------------------------- */

enum job_end {
	JOB_STOP,      /* the model ended it, a stop string did, or the
			  grammar is complete */
	JOB_LENGTH,    /* max_tokens or the context */
	JOB_CANCELLED, /* job_cancel, or the lane was closed */
	JOB_FAILED,    /* err says why */
	JOB_LATE,      /* waited longer than the lane allows */
	JOB_UNSPELLED, /* the vocabulary cannot write what the grammar asks
			  for: err says what. Before the first token */
};

/* What a job has cost so far. */
struct job_use {
	uint32_t prompt_tokens; /* all of them, cached_tokens included */
	uint32_t cached_tokens; /* that were there from an earlier text */
	uint32_t output_tokens; /* what ended the text not among them */
	int64_t waited_ns;      /* until it was admitted first */
	int64_t busy_ns;        /* its share of the steps that it was in */
	uint32_t preempted;     /* times */
};

/*
 * What one step gave. Everything is borrowed for the call. A token is told of
 * when some of its text is given out, or when the text ends: those that only
 * gave part of a stop string never are.
 */
struct job_piece {
	struct span text; /* whole UTF-8, nothing of a stop string; empty
			     where there is no tokenizer */
	const struct sample_choice *choices; /* (n) new tokens, 0 too */
	const struct span *bytes;      /* (n) each token's own text or bytes */
	const struct sample_top *tops; /* (n, n_tops) or NULL */
	uint32_t n;
	uint32_t n_tops;
	const struct sample_summary *summary; /* of the text so far, without
						 what a grammar forced */
	const struct job_use *use;
};

struct job_ended {
	enum job_end end;
	struct job_use use;
	struct sample_summary summary; /* over free choices only, where a
					  grammar leaves none sometimes */
	const char *error;             /* JOB_FAILED, JOB_UNSPELLED */
};

struct job_watch {
	/* Each may be NULL but <ended>. */
	void (*piece)(void *arg, const struct job_piece *piece);
	void (*ended)(void *arg, const struct job_ended *ended);
	void *arg;
};

struct job_options {
	const uint32_t *prompt; /* (n_prompt), copied like all that follows */
	size_t n_prompt;
	struct generate_options generate;
	uint32_t n_tops;           /* likeliest tokens told of, at most 20 */
	struct grammar *grammar;   /* a reference is taken; NULL: free text */
	struct span grammar_after; /* text after which it begins, such as
				      "</think>"; empty: at once */
	const uint32_t *shown;     /* (n_shown) special tokens whose text is
				      part of the answer's */
	size_t n_shown;
	struct span tenant; /* whose text it is: prefixes are shared within
			       it, turns are taken between tenants */
	int priority;       /* higher goes first within a lane; 0: usual */
	struct job_watch watch;
};

/* Why a job is not taken; nothing is called then. */
enum job_refusal {
	JOB_TAKEN,
	JOB_TOO_LONG, /* can never fit: err says what would */
	JOB_INVALID,  /* an option is out of range: err names it */
	JOB_FULL,     /* too many wait: try after retry_ns */
	JOB_CLOSED,   /* the lane is closing */
};

struct job_offer {
	enum job_refusal refusal;
	int64_t retry_ns; /* JOB_FULL: when one is likely to be taken */
	struct job *job;  /* JOB_TAKEN: until its `ended` has returned, and
			     for the caller until job_drop */
};

/* Takes a text to write. */
struct job_offer job_new(struct lane *lane, const struct job_options *options,
    struct error *err) must_check;

/* Ends it within a step; `ended` comes unless it has. From any thread. */
void job_cancel(struct job *job);

/* The caller's reference; to be dropped once, before or after the end. */
void job_drop(struct job **job);

/* --- encoders ------------------------------------------------------------- */

struct encode_result {
	enum job_end end;    /* JOB_STOP: done */
	const float *values; /* (n_texts, width) */
	uint32_t width;      /* hidden, or n_labels */
	struct job_use use;
	const char *error;
};

struct encode_options {
	const struct model_text *texts; /* (n_texts), copied */
	uint32_t n_texts;
	bool classifies; /* logits of the classifier, not embeddings */
	struct span tenant;
	int priority;
	void (*ended)(void *arg, const struct encode_result *result);
	void *arg;
};

/* The same for texts to embed or to classify. */
struct job_offer encode_new(struct lane *lane,
    const struct encode_options *options, struct error *err) must_check;

#endif
