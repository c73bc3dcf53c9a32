// theme.js -- light or dark, before the first paint.
// SPDX-License-Identifier: Apache-2.0
// A plain script in the head: a module would run after the page was painted in
// the wrong colours. The button cycles auto, light, dark; the choice stays in
// this browser.
(function () {
	const KEY = "sluice-theme";
	const NEXT = {auto: "light", light: "dark", dark: "auto"};

	// Storage may be forbidden; then the choice lasts as long as the page.
	function load() {
		try {
			const kept = localStorage.getItem(KEY);
			return kept in NEXT ? kept : "auto";
		} catch {
			return "auto";
		}
	}

	function keep(theme) {
		try {
			localStorage.setItem(KEY, theme);
		} catch {
			return;
		}
	}

	function apply(theme) {
		document.documentElement.dataset.theme = theme;
		document.dispatchEvent(new Event("themechange"));
	}

	let theme = load();
	apply(theme);
	matchMedia("(prefers-color-scheme: dark)").addEventListener("change",
		() => apply(theme));
	document.addEventListener("DOMContentLoaded", () => {
		const button = document.getElementById("theme");
		const show = () => {
			button.textContent = `Theme: ${theme}`;
		};
		show();
		button.addEventListener("click", () => {
			theme = NEXT[theme];
			keep(theme);
			apply(theme);
			show();
		});
	});
})();
