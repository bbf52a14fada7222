const problems = [];
const frame = document.querySelector('iframe');
const counts = {links: 0, pictures: 0, searches: 0};
const all = new Map(); // what was seen of each page, by its path
let dark;

const open = (path, width) => new Promise(done => {
	frame.style.cssText = `width: ${width}px; height: 900px`;
	frame.onload = () => done(frame.contentDocument);
	frame.src = path;
});

// The colour that is behind an element.
const behind = element => {
	const color = getComputedStyle(element).backgroundColor;
	return number(color)[3] === 0 && element.parentElement ? behind(element.parentElement) : color;
};

// What can be seen of a page.
function inspect(path, page) {
	const wrong = what => problems.push(`${path}: ${what}`);
	for (const picture of page.images) {
		counts.pictures += picture.closest('main') ? 1 : 0;
		if (!picture.complete || !picture.naturalWidth) {
			wrong(`no picture ${picture.getAttribute('src')}`);
		}
	}
	for (const element of page.body.querySelectorAll('*')) {
		const text = [...element.childNodes].filter(node => node.nodeType === Node.TEXT_NODE).map(node => node.data).join('').trim();
		const style = getComputedStyle(element);
		if (text && element.checkVisibility() && contrast(style.color, behind(element)) < 4.5) {
			wrong(`"${text.slice(0, 30)}" is ${style.color} on ${behind(element)}`);
		}
	}
	if (page.querySelectorAll('nav [aria-current]').length !== 1) {
		wrong('it is not in the list of all pages');
	}
	for (const width of [1280, 800, 390]) {
		frame.style.width = `${width}px`;
		if (page.documentElement.scrollWidth > width) {
			wrong(`wider than a window of ${width} pixels: ${page.documentElement.scrollWidth}`);
		}
	}
	dark = light(behind(page.body)) < .2;
	return {
		drawings: [...page.images].map(picture => picture.src).filter(source => source.endsWith('.svg')),
		anchors: new Set([...page.querySelectorAll('[id]')].map(element => element.id)),
		links: [...page.links].map(link => link.href),
		text: page.querySelector('main').textContent.toLowerCase(),
	};
}

// The texts of a drawing are readable where they are: on a box, or on the page.
async function inspectDrawing(path) {
	const paper = behind((await open('/index.html', 1280)).body);
	const drawing = await open(path, 1280);
	for (const text of drawing.querySelectorAll('text')) {
		const {x, y, width, height} = text.getBoundingClientRect();
		const box = drawing.elementsFromPoint(x + width / 2, y + height / 2).find(element => element.tagName === 'rect');
		const [color, back] = [getComputedStyle(text).fill, box ? getComputedStyle(box).fill : paper];
		if (contrast(color, back) < 4.5) {
			problems.push(`${path}: "${text.textContent}" is ${color} on ${back}`);
		}
	}
}

// Links lead to pages, headings and files that are there.
async function follow(path, links) {
	for (const link of links.map(link => new URL(link)).filter(link => link.origin === location.origin)) {
		counts.links++;
		const page = all.get(link.pathname);
		if (page ? link.hash && !page.anchors.has(decodeURIComponent(link.hash.slice(1))) : !(await fetch(link, {method: 'HEAD'})).ok) {
			problems.push(`${path}: nothing is at ${link.pathname}${link.hash}`);
		}
	}
}

const until = async check => {
	for (let tries = 0; tries < 1000; tries++) {
		if (check()) {
			return true;
		}
		await new Promise(done => setTimeout(done, 10));
	}
	return false;
};

// A page is found by the word of its text that the fewest others have.
async function search(path, text) {
	const others = word => [...all.values()].filter(other => other.text.includes(word)).length;
	const word = [...new Set(text.match(/[a-z]{5,}/g))].map(word => [others(word), word]).sort(([a], [b]) => a - b)[0][1];
	const page = frame.contentDocument;
	const box = page.querySelector('input');
	box.value = word;
	box.dispatchEvent(new Event('input'));
	if (await until(() => [...page.querySelectorAll('.results a')].some(link => link.checkVisibility() && new URL(link.href).pathname === path))) {
		counts.searches++;
	} else {
		problems.push(`${path}: it is not found by "${word}"`);
	}
}

// By the keyboard alone: a word, and the first result.
async function type() {
	const page = await open('/docs/gitops.html', 1280);
	const press = key => page.activeElement.dispatchEvent(new frame.contentWindow.KeyboardEvent('keydown', {key, bubbles: true, cancelable: true}));
	press('/');
	page.activeElement.value = 'qqqq';
	page.activeElement.dispatchEvent(new Event('input'));
	const nothing = await until(() => page.querySelector('.results p')?.checkVisibility());
	page.activeElement.value = 'Changes of CLOCKS';
	page.activeElement.dispatchEvent(new Event('input'));
	await until(() => page.querySelector('.results a'));
	press('Enter');
	if (!nothing || !await until(() => frame.contentWindow.location.href.endsWith('/docs/schedules.html#changes-of-clocks'))) {
		problems.push(`search by the keyboard leads to ${frame.contentWindow.location}; it reports that nothing is found: ${nothing}`);
	}
}

async function report() {
	for (const path of pages) {
		all.set(path, inspect(path, await open(path, 1280)));
	}
	for (const drawing of new Set([...all.values()].flatMap(page => page.drawings))) {
		await inspectDrawing(drawing);
	}
	for (const [path, page] of all) {
		await follow(path, page.links);
	}
	await open('/docs/adr/README.html', 1280);
	for (const [path, page] of all) {
		await search(path, page.text);
	}
	await type();
}

report().catch(error => problems.push(String(error)))
	.then(() => fetch('/.report', {method: 'POST', body: JSON.stringify({...counts, dark, problems, pages: all.size})}));
