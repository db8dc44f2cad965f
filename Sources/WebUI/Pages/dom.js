// Building elements and writing values. Data only ever becomes text nodes and attributes.

/** Makes an element: `on…` properties are listeners, `style` is an object, others are attributes. */
export function h(tag, properties, ...children) {
  const element = document.createElement(tag);
  for (const [key, value] of Object.entries(properties ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    if (key.startsWith('on')) element.addEventListener(key.slice(2), value);
    else if (key === 'style') for (const [k, v] of Object.entries(value)) element.style.setProperty(k, v);
    else if (key === 'value') element.value = value;
    else element.setAttribute(key, value === true ? '' : String(value));
  }
  append(element, children);
  return element;
}

function append(element, children) {
  for (const child of children) {
    if (child === null || child === undefined || child === false) continue;
    if (Array.isArray(child)) append(element, child);
    else element.append(child instanceof Node ? child : String(child));
  }
}

export function replace(element, ...children) {
  element.replaceChildren();
  append(element, children);
}

const units = [[3.6e9, 'h'], [6e7, 'm'], [1e6, 's'], [1e3, 'ms'], [1, 'µs']];

/** A duration in microseconds, with three significant digits. */
export function duration(us) {
  if (!Number.isFinite(us)) return '–';
  if (us === 0) return '0 µs';
  const [scale, unit] = units.find(([s]) => Math.abs(us) >= s) ?? [1, 'µs'];
  return `${trim(us / scale, 3)} ${unit}`;
}

function trim(x, digits) {
  const text = Math.abs(x) >= 100 ? x.toFixed(0) : x.toPrecision(digits);
  return text.includes('.') && !text.includes('e') ? text.replace(/\.?0+$/, '') : text;
}

/** A number in few characters: 12.3 k, 4.56 M, 0.00123. */
export function short(x) {
  if (Number.isNaN(x)) return 'NaN';
  if (!Number.isFinite(x)) return x > 0 ? '+Inf' : '-Inf';
  const a = Math.abs(x);
  if (a === 0) return '0';
  for (const [scale, unit] of [[1e12, ' T'], [1e9, ' G'], [1e6, ' M'], [1e3, ' k']]) {
    if (a >= scale) return trim(x / scale, 4) + unit;
  }
  return a < 1e-4 ? x.toExponential(2) : trim(x, 4);
}

export function bytes(n) {
  return n < 1024 ? `${n} B` : n < 1 << 20 ? `${trim(n / 1024, 3)} KiB` : `${trim(n / (1 << 20), 3)} MiB`;
}

const two = (n) => String(n).padStart(2, '0');

/** Local time of milliseconds since the epoch. */
export function clock(ms, millis = false) {
  const d = new Date(ms);
  const text = `${two(d.getHours())}:${two(d.getMinutes())}:${two(d.getSeconds())}`;
  return millis ? `${text}.${String(d.getMilliseconds()).padStart(3, '0')}` : text;
}

export function day(ms) {
  const d = new Date(ms);
  return `${d.getFullYear()}-${two(d.getMonth() + 1)}-${two(d.getDate())}`;
}

export const dateTime = (ms, millis) => `${day(ms)} ${clock(ms, millis)}`;

/** How long ago, in one or two units. */
export function ago(ms, now = Date.now()) {
  const s = Math.max(0, Math.round((now - ms) / 1000));
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} m ${s % 60} s`;
  if (s < 86400) return `${Math.floor(s / 3600)} h ${Math.floor((s % 3600) / 60)} m`;
  return `${Math.floor(s / 86400)} d ${Math.floor((s % 86400) / 3600)} h`;
}

export const palette = [
  '#4c8dff', '#12a594', '#e5853d', '#b06ef3', '#5ba632', '#d6649b', '#3aa0c9', '#c2a024',
  '#8a7bf0', '#d0694f', '#2fa866', '#a98467', '#c060d0', '#6d92a8',
];

const slots = new Map();

/**
 * The colour of a service: always the same in a page; names share one only when all are taken, so the
 * choice of a name by itself (its hash) may move to the next free one.
 */
export function colour(name) {
  let slot = slots.get(name);
  if (slot === undefined) {
    let hash = 2166136261;
    for (let i = 0; i < name.length; i++) hash = Math.imul(hash ^ name.charCodeAt(i), 16777619);
    slot = ((hash ^ (hash >>> 15)) >>> 0) % palette.length;
    const taken = new Set(slots.values());
    for (let tried = 0; taken.has(slot) && tried < palette.length; tried++) slot = (slot + 1) % palette.length;
    slots.set(name, slot);
  }
  return palette[slot];
}

export function css(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

let toastTimer = 0;
export function toast(text) {
  const box = document.getElementById('toast');
  box.textContent = text;
  box.classList.add('shown');
  clearTimeout(toastTimer);
  toastTimer = setTimeout(() => box.classList.remove('shown'), 2500);
}

/** A button that copies a text. */
export function copyButton(text, label) {
  return h('button', {
    class: 'mini', type: 'button', title: `Copy ${label}`, 'aria-label': `Copy ${label}`,
    onclick: (event) => {
      event.stopPropagation();
      if (!navigator.clipboard) return toast('The browser copies only on https or localhost');
      navigator.clipboard.writeText(text).then(
        () => toast(`${label} copied`), () => toast('The browser refused to copy'));
    },
  }, 'copy');
}

const shownMax = 2000;

/** A value of any length: long ones are cut until asked for. */
export function longText(text, tag = 'span') {
  if (text.length <= shownMax) return h(tag, { class: 'value' }, text);
  const box = h(tag, { class: 'value' }, text.slice(0, shownMax), '… ');
  const more = h('button', {
    class: 'mini', type: 'button', onclick: () => replace(box, text),
  }, `show all (${bytes(text.length)})`);
  box.append(more, ' ', copyButton(text, 'value'));
  return box;
}

/** What stands in place of a result: nothing found, or an error, with what to do next. */
export function notice(kind, title, ...rest) {
  return h('div', { class: `notice ${kind}`, role: kind === 'error' ? 'alert' : 'status' },
    h('strong', {}, title), ...rest.map((r) => h('div', {}, r)));
}

export function field(label, input, className = '') {
  return h('label', { class: `field ${className}` }, h('span', {}, label), input);
}

/** A canvas in device pixels; returns its context scaled to CSS pixels. */
export function sized(canvas, width, height) {
  const ratio = window.devicePixelRatio || 1;
  canvas.width = Math.max(1, Math.round(width * ratio));
  canvas.height = Math.max(1, Math.round(height * ratio));
  canvas.style.width = `${width}px`;
  canvas.style.height = `${height}px`;
  const context = canvas.getContext('2d');
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  return context;
}
