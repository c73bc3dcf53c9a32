// peer.cjs -- llama.cpp, as node-llama-cpp ships it, driven by lines.
// SPDX-License-Identifier: Apache-2.0
//
// usage: node peer.cjs MODULES MODEL.gguf THREADS
// Reads "prefill N", "decode CONTEXT N", "together TEXTS CONTEXT N" (N steps of
// so many sequences, one token each) and "rss"; answers each with one line,
// "WALL_NS CPU_NS" of the whole process, or KiB. Tokens are those that
// bench/engine_bench.c feeds. No sampling: the batch is decoded, logits of its
// last token are computed, that is all. "score ID ID ..." is answered with the
// log-probabilities of all tokens but the first.
"use strict";
const fs = require("fs"), path = require("path"), readline = require("readline");

const [modules, file, threads] = process.argv.slice(2);
const folder = path.join(modules, "@node-llama-cpp/linux-x64/bins/linux-x64");
const llama = require(path.join(folder, "llama-addon.node"));
const SEQUENCES = 16;
const token = (i) => 100 + (i * 7919) % 20000;

async function start() {
	llama.setLoggerLogLevel(0);
	llama.loadBackends();
	llama.loadBackends(folder);
	await llama.init();
	const model = new llama.AddonModel(file, {
		gpuLayers: 0, useMmap: true, addonExports: llama});
	await model.init();
	const context = new llama.AddonContext(model, {
		contextSize: 8192, batchSize: 512, sequences: SEQUENCES,
		threads: Number(threads), flashAttention: process.env.FLASH !== "0",
		performanceTracking: false});
	await context.init();
	context.setThreads(Number(threads));
	return {model, context};
}

async function score(model, context, ids) {
	const sampler = new llama.AddonSampler(model), found = [];
	sampler.applyConfig({temperature: 0});
	for (let at = 0; at < ids.length; at += 512) {
		const some = ids.slice(at, at + 512);
		context.initBatch(some.length);
		context.addToBatch(0, at, Uint32Array.from(some),
			Uint32Array.from(some.keys()));
		await context.decodeBatch();
		for (let i = 0; i < some.length && at + i + 1 < ids.length; i++) {
			// Pairs of a token and its probability.
			const [, all] = await context.sampleToken(i, sampler, true);
			let k = 0;
			while (all[k] !== ids[at + i + 1])
				k += 2;
			found.push(Math.log(all[k + 1]));
		}
	}
	return found.join(" ");
}

async function feed(context, at, n, sequence = 0) {
	for (; n > 512; at += 512, n -= 512)
		await feed(context, at, 512, sequence);
	const tokens = Uint32Array.from({length: n}, (_, i) => token(at + i));
	context.initBatch(n);
	context.addToBatch(sequence, at, tokens, Uint32Array.of(n - 1));
	await context.decodeBatch();
}

async function step(context, at, texts) {
	context.initBatch(texts);
	for (let i = 0; i < texts; i++)
		context.addToBatch(i, at, Uint32Array.of(token(at)),
			Uint32Array.of(0));
	await context.decodeBatch();
}

async function timed(fn) {
	const cpu = process.cpuUsage(), wall = process.hrtime.bigint();
	await fn();
	const took = process.hrtime.bigint() - wall, used = process.cpuUsage(cpu);
	return `${took} ${(used.user + used.system) * 1000}`;
}

function rss() {
	return /VmRSS:\s+(\d+)/.exec(fs.readFileSync("/proc/self/status"))[1];
}

async function main() {
	const {model, context} = await start();
	console.log("ready");
	for await (const line of readline.createInterface({input: process.stdin})) {
		const [verb, a, b, c] = line.split(" ");
		let answer = "?";
		for (let i = 0; i < SEQUENCES; i++)
			context.disposeSequence(i);
		if (verb === "prefill") {
			answer = await timed(() => feed(context, 0, Number(a)));
		} else if (verb === "decode") {
			await feed(context, 0, Number(a));
			answer = await timed(async () => {
				for (let i = 0; i < Number(b); i++)
					await feed(context, Number(a) + i, 1);
			});
		} else if (verb === "together") {
			for (let i = 0; i < Number(a); i++)
				await feed(context, 0, Number(b), i);
			answer = await timed(async () => {
				for (let i = 0; i < Number(c); i++)
					await step(context, Number(b) + i, Number(a));
			});
		} else if (verb === "score") {
			answer = await score(model, context,
				line.split(" ").slice(1).map(Number));
		} else if (verb === "rss") {
			answer = rss();
		}
		console.log(answer);
	}
	process.exit(0);
}

main().catch((error) => {
	console.error(String(error));
	process.exit(1);
});
