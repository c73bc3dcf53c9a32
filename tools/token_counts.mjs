// token_counts.mjs -- counts the tokens of the estimate's test passages.
// SPDX-License-Identifier: Apache-2.0
//
//   npm install --prefix DIR gpt-tokenizer
//   NODE_PATH=DIR/node_modules node tools/token_counts.mjs tests/data/token_counts.jsonl
//
// Each line of the file is {"name", "text", ...}. To add a passage, add a line
// with those two; this fills in "o200k" and "cl100k" for every line, with the
// reference tokenizers, and writes the file anew.
import fs from "node:fs";
import { createRequire } from "node:module";

const require = createRequire(process.cwd() + "/");
const file = process.argv[2];
if (!file) {
	console.error("usage: token_counts.mjs FILE.jsonl");
	process.exit(2);
}
const o200k = require("gpt-tokenizer/encoding/o200k_base");
const cl100k = require("gpt-tokenizer/encoding/cl100k_base");
const asText = { disallowedSpecial: new Set() };

const lines = fs.readFileSync(file, "utf8").split("\n").filter(Boolean);
const counted = lines.map((line) => {
	const { name, text } = JSON.parse(line);
	return JSON.stringify({
		name,
		o200k: o200k.countTokens(text, asText),
		cl100k: cl100k.countTokens(text, asText),
		text,
	});
});
fs.writeFileSync(file, counted.join("\n") + "\n");
