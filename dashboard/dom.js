// dom.js -- makes elements; every text goes in as text.
// SPDX-License-Identifier: Apache-2.0

export const byId = (id) => document.getElementById(id);

/*
 * An element: h("a.quiet", {href: "/x", onclick: fn}, "text", child, ...).
 * Classes stand behind dots, "on..." are listeners, null and false attributes
 * and children are left out. Names that come from callers are children, so
 * they are never read as HTML.
 */
export function h(tag, attributes, ...children) {
	const [name, ...classes] = tag.split(".");
	const element = document.createElement(name);
	if (classes.length > 0) {
		element.className = classes.join(" ");
	}
	for (const [key, value] of Object.entries(attributes ?? {})) {
		if (value === null || value === undefined || value === false) {
			continue;
		}
		if (key.startsWith("on")) {
			element.addEventListener(key.slice(2), value);
		} else {
			element.setAttribute(key, value === true ? "" : String(value));
		}
	}
	element.append(...children.flat(2).filter(
		(child) => child !== null && child !== undefined && child !== false));
	return element;
}

/* Sets a text only where it differs: a screen reader's place stays. */
export function setText(element, text) {
	if (element.textContent !== text) {
		element.textContent = text;
	}
}

export function setHidden(element, isHidden) {
	if (element.hidden !== isHidden) {
		element.hidden = isHidden;
	}
}

/*
 * Replaces the children; the focus goes back to the same data-focus, and what
 * was scrolled to stays in sight.
 */
export function refill(element, ...children) {
	const focused = document.activeElement;
	const mark = element.contains(focused) ? focused.dataset.focus : undefined;
	const {scrollTop = 0, scrollLeft = 0} =
		element.querySelector(".scroll") ?? {};
	element.replaceChildren(...children.flat().filter(Boolean));
	const scrolled = element.querySelector(".scroll");
	if (scrolled && (scrollTop || scrollLeft)) {
		Object.assign(scrolled, {scrollTop, scrollLeft});
	}
	if (mark !== undefined) {
		element.querySelector(`[data-focus="${CSS.escape(mark)}"]`)?.focus(
			{preventScroll: true});
	}
}

export const prefersCalm = () =>
	matchMedia("(prefers-reduced-motion: reduce)").matches;
