// Searches the sections of all pages, which pages.js has, as one types.
'use strict';

const root = document.currentScript.src;
const box = document.querySelector('.search input');
const results = document.querySelector('.results');

// pages.js is a script and not JSON, so that search works where the site is opened from a folder, too.
let loading;
const load = () => loading ??= new Promise((loaded, failed) => {
	document.head.append(Object.assign(document.createElement('script'), {src: new URL('pages.js', root), onload: loaded, onerror: failed}));
});

// Where a text has one of the words: at the beginning of one of its own words, so that "at" is not found in "that".
const pattern = (words, flags) => new RegExp(`(?<![a-z0-9])(${words.map(word => word.replace(/[^\p{L}\p{N}]/gu, '\\$&')).join('|')})`, flags);

// How often a text has a word. Within another one it counts for little: "uid" finds "preparedJobUID".
const count = (text, word) => (text.match(pattern([word], 'gi'))?.length ?? 0) + (text.toLowerCase().includes(word) ? .1 : 0);

// How well a section suits; 0: it lacks a word.
const score = (section, words) => words.reduce((sum, word) => {
	const found = 20 * Math.min(1, count(section.heading, word)) + 10 * Math.min(1, count(section.page, word)) +
		Math.min(5, count(section.text, word));
	return sum && found && sum + found;
}, 1);

// An element with a text, in which words are marked.
const element = (name, text, words = []) => {
	const made = document.createElement(name);
	const parts = words.length ? text.split(pattern(words, 'i')) : [text];
	made.append(...parts.map((part, i) => i % 2 ? element('mark', part) : part));
	return made;
};

const result = (section, words) => {
	const start = section.text.lastIndexOf(' ', Math.max(0, section.text.search(pattern(words, 'i')) - 50)) + 1;
	const link = element('a', '');
	link.href = new URL(section.href, root);
	link.append(element('b', section.heading, words), section.page === section.heading ? '' : ` · ${section.page}`,
		element('small', section.text.slice(start, start + 180).replace(/\s\S*$/, ' …'), words));
	return link;
};

async function search() {
	await load();
	const words = box.value.toLowerCase().split(/\s+/).filter(Boolean);
	const found = sections.map(section => ({section, score: score(section, words)})).filter(({score}) => score)
		.sort((a, b) => b.score - a.score).slice(0, 12);
	results.replaceChildren(...found.map(({section}) => result(section, words)));
	if (!found.length) {
		results.append(element('p', 'Nothing is found.'));
	}
	results.hidden = !words.length;
}

box.addEventListener('focus', load);
box.addEventListener('input', search);
document.addEventListener('click', event => { results.hidden = !event.target.closest('.search') || event.target.closest('.results a') });
document.addEventListener('keydown', event => {
	const links = [box, ...results.querySelectorAll('a')];
	const at = links.indexOf(document.activeElement);
	if (event.key === '/' && at < 0 && !event.ctrlKey && !event.metaKey) {
		box.focus();
	} else if (event.key === 'Escape') {
		results.hidden = true;
		return;
	} else if (at >= 0 && event.key === 'ArrowDown') {
		links[Math.min(at + 1, links.length - 1)].focus();
	} else if (at >= 0 && event.key === 'ArrowUp') {
		links[Math.max(at - 1, 0)].focus();
	} else if (at === 0 && event.key === 'Enter') {
		links[1]?.click();
		return;
	} else {
		return;
	}
	event.preventDefault();
});
