/* cmd_bench.c -- sluice bench: how fast a model runs on this machine. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "gateway/engine.h"
#include "gateway/lines.h"

struct bench {
	const char *path;
	struct model_info info;
	struct bench_options options;
	struct bench_result result;
};

static double per_second(double amount, double seconds)
{
	return seconds > 0 ? amount / seconds : 0;
}

static double tokens_per_second(const struct bench_time *time)
{
	return per_second((double)time->tokens, time->wall_s);
}

static double share_of_bandwidth(const struct bench_result *r)
{
	return r->read_bytes_s > 0 ? r->decode_bytes_s / r->read_bytes_s : 0;
}

static void print_text(const struct bench *b)
{
	const struct bench_result *r = &b->result;

	printf("%s: %.*s, %s, %u %s\n", b->path, SPAN_FMT(b->info.family),
	    b->info.backend, b->options.threads,
	    b->options.threads == 1 ? "thread" : "threads");
	printf("prefill   %10.1f tokens/s   %u x %u, %.3f s, "
	       "%.3f s of CPU time\n",
	    tokens_per_second(&r->prefill), b->options.batch, b->options.prompt,
	    r->prefill.wall_s, r->prefill.cpu_s);
	if (r->decode.tokens)
		printf("decode    %10.1f tokens/s   %u x %u, %.3f s, "
		       "%.3f s of CPU time\n"
		       "weights   %10.2f GB/s       read while decoding\n",
		    tokens_per_second(&r->decode), b->options.batch,
		    b->options.tokens, r->decode.wall_s, r->decode.cpu_s,
		    r->decode_bytes_s / 1e9);
	printf("memory    %10.2f GB/s       read by as many threads",
	    r->read_bytes_s / 1e9);
	if (r->decode.tokens)
		printf(": decoding is at %.0f%% of it",
		    100 * share_of_bandwidth(r));
	printf(
	    "\nresident  %10.1f MiB        at most, beyond the files; %.1f of "
	    "it weights laid out anew\n",
	    (double)r->peak_bytes / (1 << 20),
	    (double)b->info.packed_bytes / (1 << 20));
}

static void print_json(const struct bench *b)
{
	const struct bench_result *r = &b->result;
	struct buf out;

	buf_init(&out, 1 << 16);
	if (buf_append(&out, SPAN("{\"model\": ")) &&
	    json_write_string(&out, span_of(b->path)) &&
	    buf_printf(&out,
		", \"backend\": \"%s\", \"threads\": %u, \"batch\": %u, "
		"\"prompt_tokens\": %u, \"decode_tokens\": %u",
		b->info.backend, b->options.threads, b->options.batch,
		b->options.prompt, (unsigned)r->decode.tokens) &&
	    buf_printf(&out,
		", \"prefill_tok_s\": %.1f, \"prefill_wall_s\": %.6f, "
		"\"prefill_cpu_s\": %.6f",
		tokens_per_second(&r->prefill), r->prefill.wall_s,
		r->prefill.cpu_s) &&
	    (r->decode.tokens
		    ? buf_printf(&out,
			  ", \"decode_tok_s\": %.1f, \"decode_wall_s\": %.6f, "
			  "\"decode_cpu_s\": %.6f, \"decode_bytes_s\": %.0f",
			  tokens_per_second(&r->decode), r->decode.wall_s,
			  r->decode.cpu_s, r->decode_bytes_s)
		    : buf_printf(&out, ", \"decode_tok_s\": null, "
				       "\"decode_bytes_s\": null")) &&
	    buf_printf(&out,
		", \"read_bandwidth_bytes_s\": %.0f, "
		"\"peak_resident_bytes\": %llu, \"packed_bytes\": %llu}\n",
		r->read_bytes_s, (unsigned long long)r->peak_bytes,
		(unsigned long long)b->info.packed_bytes))
		fwrite(buf_span(&out).ptr, 1, buf_len(&out), stdout);
	buf_free(&out);
}

static int bench_model(const struct command *command,
    const struct engine_args *args, struct bench *b, bool is_json)
{
	struct engine engine;
	struct error err;
	int status = engine_open(&engine, command, args, CHECKPOINT_MODEL);

	if (status != EXIT_DONE)
		return status;
	b->path = args->model;
	b->info = model_info(checkpoint_model(engine.checkpoint));
	b->options.threads = engine.threads;
	b->options.memory = engine.machine.available / 4;
	if (bench_run(checkpoint_model(engine.checkpoint), &b->options,
		&b->result, &err) != OK) {
		status = engine_refuse(command, &err);
	} else if (is_json) {
		print_json(b);
	} else {
		print_text(b);
	}
	engine_close(&engine);
	return status;
}

static int run(const struct command *command, int argc, char **argv)
{
	struct engine_args args = {.model = NULL};
	const char *prompt = NULL, *tokens = NULL, *batch = NULL;
	uint64_t n_prompt = 128, n_tokens = 64, n_batch = 1;
	bool is_json = false;
	const struct command_option options[] = {
	    ENGINE_OPTIONS(args),
	    {"--prompt", &prompt, NULL},
	    {"--tokens", &tokens, NULL},
	    {"--batch", &batch, NULL},
	    {"--json", NULL, &is_json},
	};
	struct command_line line = {
	    .command = command,
	    .options = options,
	    .n = sizeof(options) / sizeof(options[0]),
	    .rest_max = 1,
	};
	struct bench b = {.path = NULL};

	if (!command_read(&line, argc, argv))
		return line.status;
	if (line.n_rest)
		args.model = line.rest[0];
	if (!args.model)
		return command_misused(command, "MODEL is missing");
	if (!engine_whole(&(struct engine_number){command, "--prompt", prompt,
			      1, 1 << 20},
		&n_prompt) ||
	    !engine_whole(&(struct engine_number){command, "--tokens", tokens,
			      0, 1 << 20},
		&n_tokens) ||
	    !engine_whole(
		&(struct engine_number){command, "--batch", batch, 1, 1024},
		&n_batch))
		return EXIT_USAGE;
	b.options.prompt = (uint32_t)n_prompt;
	b.options.tokens = (uint32_t)n_tokens;
	b.options.batch = (uint32_t)n_batch;
	return bench_model(command, &args, &b, is_json);
}

const struct command command_bench = {
    .name = "bench",
    .summary = "how fast a model runs here, beside how fast memory is read",
    .help =
	"sluice bench MODEL [--prompt N] [--tokens N] [--batch N] "
	"[--threads N] [--json]\n\n"
	"Feeds prompts of random tokens and decodes after them; an encoder "
	"embeds them. Reads\nmemory with as many threads, which bounds what "
	"decoding can reach, and tells what\nmemory was taken beyond the "
	"mapped files.\n\n"
	"    --prompt N      tokens of a prompt (128)\n"
	"    --tokens N      tokens decoded after it (64); 0: none\n"
	"    --batch N       texts at once (1)\n"
	"    --threads N     threads of arithmetic (all processors)\n"
	"    --exact         plain F32 arithmetic\n"
	"    --json          one JSON object\n\n"
	"Example: sluice bench SmolLM2-135M-Instruct.Q4_1.gguf --threads 1 "
	"--json\n",
    .computes = true,
    .run = run,
};
