// One trace as a waterfall: only the rows in view are in the page.

import { h, replace, duration, dateTime, colour, css, copyButton, longText, notice, sized, toast } from './dom.js';
import { jaeger, sidelight } from './api.js';
import { tree, pairs, foldHops, clockSkews } from './model.js';
import { logLine } from './lines.js';

export const title = 'Trace';
export const ranged = false;
const rowHeight = 26;

export function mount(main, context) {
  const id = context.rest[0] ?? '';
  replace(main, h('p', { class: 'loading' }, 'Reading the trace …'));
  let view = null;
  const load = async () => {
    try {
      const trace = await jaeger.trace(id, context.signal);
      if (!trace?.spans?.length) throw Object.assign(new Error('It has no spans.'), { status: 404 });
      document.title = `${id.replace(/^0+(?=.)/, '').slice(0, 8)} · Sidelight`;
      view = new Waterfall(main, trace, context);
    } catch (error) {
      if (error.name === 'AbortError') return;
      replace(main, notice(error.status === 404 ? 'empty' : 'error',
        error.status === 404 ? `There is no trace ${id}.` : 'The trace could not be read.',
        error.status === 404 ? 'It may not have arrived yet (reload in a moment), be sampled away, or be older than the retention.' : error.message,
        h('a', { href: context.withRange('/ui/traces') }, 'Search traces')));
    }
  };
  load();
  return { destroy: () => view?.destroy() };
}

class Waterfall {
  constructor(main, trace, context) {
    this.context = context;
    this.trace = trace;
    this.nodes = tree(trace);
    this.nodes.forEach((node, order) => { node.order = order; });
    this.hops = foldHops(this.nodes);
    this.folding = this.hops > 0;
    this.openHops = new Set();
    this.start = Infinity;
    this.end = -Infinity;
    for (const { span } of this.nodes) {
      this.start = Math.min(this.start, span.startTime);
      this.end = Math.max(this.end, span.startTime + span.duration);
    }
    this.total = Math.max(1, this.end - this.start);
    this.window = [0, this.total];
    this.collapsed = new Set();
    this.matches = null;
    this.needle = '';
    const wanted = context.parameters.get('span');
    this.selected = this.nodes.find((n) => n.span.spanID === wanted) ?? null;
    if (this.selected?.head) this.openHops.add(this.selected.head);
    this.build(main);
    this.flatten();
    this.resize = new ResizeObserver(() => { this.drawMap(); this.drawAxis(); this.drawRows(); });
    this.resize.observe(this.scroller);
    if (this.selected) this.select(this.selected);
  }

  destroy() {
    this.resize?.disconnect();
    clearTimeout(this.remembering);
    clearTimeout(this.finding);
  }

  build(main) {
    const root = this.nodes[0];
    const errors = this.nodes.filter((n) => n.error).length;
    const services = new Map();
    for (const node of this.nodes) services.set(node.service, (services.get(node.service) ?? 0) + 1);
    this.map = h('canvas', { class: 'minimap', role: 'img', 'aria-label': 'Overview of the trace; drag to zoom, double-click to see all' });
    this.axis = h('div', { class: 'axis', 'aria-hidden': 'true' });
    this.rows = h('div', { class: 'rows' });
    this.scroller = h('div', {
      class: 'waterfall', tabindex: '0', role: 'tree', 'aria-label': 'Spans; arrow keys move and fold', onscroll: () => this.drawRows(),
      onkeydown: (event) => this.key(event), onclick: (event) => this.click(event),
    }, this.axis, this.rows);
    this.detail = h('aside', { class: 'detail', 'aria-label': 'Span detail', hidden: true });
    const find = h('input', { type: 'search', placeholder: 'find in names, services, attributes', 'aria-label': 'Find spans', class: 'find',
      oninput: (event) => this.findSoon(event.target.value), onkeydown: (event) => { if (event.key === 'Enter') { event.preventDefault(); this.next(event.shiftKey ? -1 : 1); } } });
    this.found = h('span', { class: 'dim' });
    const firstError = this.nodes.find((n) => n.origin);
    replace(main,
      h('div', { class: 'traceheader' },
        h('h1', {}, h('span', { class: 'dot', style: { '--c': colour(root.service) } }), root.service, ' ', h('span', { class: 'operation' }, root.span.operationName)),
        h('div', { class: 'facts' }, h('b', {}, duration(this.total)), h('span', {}, dateTime(this.start / 1000, true)), h('span', {}, `${this.nodes.length} spans`),
          h('span', {}, `${services.size} service${services.size > 1 ? 's' : ''}`),
          errors > 0 && h('button', { class: 'badge bad', type: 'button', title: 'Go to where the first error began', onclick: () => this.show(firstError) }, `${errors} error${errors > 1 ? 's' : ''} →`),
          h('code', {}, this.trace.traceID), copyButton(this.trace.traceID, 'Trace id')),
        this.notes(),
        h('div', { class: 'chips' }, [...services].sort((a, b) => b[1] - a[1]).slice(0, 16).map(([name, count]) =>
          h('span', { class: 'chip', style: { '--c': colour(name) } }, name, ' ', h('i', {}, String(count)))))),
      h('div', { class: 'tracetools' }, find, this.found,
        h('button', { type: 'button', onclick: () => this.foldAll(false) }, 'Unfold all'), h('button', { type: 'button', onclick: () => this.foldAll(true) }, 'Fold all'),
        h('button', { type: 'button', onclick: () => this.zoom(0, this.total) }, 'Whole time'),
        this.hops > 0 && h('button', { type: 'button', 'aria-pressed': 'true', class: 'hops', title: 'A call through proxies as one row, or every span', onclick: (event) => this.foldProxies(!this.folding, event.target) }, 'Proxies folded'),
        h('a', { class: 'button', href: this.context.withRange(`/ui/traces?service=${encodeURIComponent(root.service)}`) }, 'Similar traces')),
      this.map, h('div', { class: 'split' }, this.scroller, this.detail));
    this.bindMap();
  }

  notes() {
    const orphans = this.nodes.filter((n) => n.orphan).length;
    const skewed = this.nodes.filter((n) => n.skewed).length;
    const ahead = clockSkews(this.nodes).filter((s) => s.least > 0 || s.most < 0);
    return [
      ahead.slice(0, 4).map((s) => h('p', { class: 'note' }, this.skewText(s))),
      orphans > 0 && h('p', { class: 'note' }, `${orphans} span${orphans > 1 ? 's stand' : ' stands'} at the top because the parent is not here: it did not arrive (yet), was sampled away, or its service sends no spans.`),
      skewed > 0 && h('p', { class: 'note' }, `${skewed} span${skewed > 1 ? 's start' : ' starts'} outside the time of the parent: asynchronous work, or clocks that differ. Times are shown as sent.`),
    ];
  }

  skewText({ client, server, least, most, calls }) {
    if (least > most) return `The clocks of ${client} and ${server} cannot be told apart from work that goes on after the answer. Times are shown as sent.`;
    const ahead = least > 0;
    const [low, high] = ahead ? [least, most] : [-most, -least];
    return `By ${calls} call${calls > 1 ? 's' : ''}, the clock of ${server} is ${duration(low)} to ${duration(high)} ${ahead ? 'ahead of' : 'behind'} that of ${client}. Times are shown as sent.`;
  }

  foldProxies(folding, button) {
    this.folding = folding;
    this.openHops.clear();
    button.textContent = folding ? 'Proxies folded' : 'Proxies shown';
    button.setAttribute('aria-pressed', String(folding));
    if (folding && this.selected?.head) this.selected = this.selected.head;
    this.flatten();
  }

  /** Whether a span is shown by the first span of its hop. */
  isFolded(node) {
    return this.folding && node.head && !this.openHops.has(node.head);
  }

  flatten() {
    this.visible = [];
    let hiddenBelow = Infinity;
    if (this.selected && this.isFolded(this.selected)) this.selected = this.selected.head;
    for (const node of this.nodes) {
      if (node.level > hiddenBelow || this.isFolded(node)) continue;
      hiddenBelow = this.collapsed.has(node) ? node.level : Infinity;
      node.row = this.visible.length;
      this.visible.push(node);
    }
    this.rows.style.height = `${this.visible.length * rowHeight}px`;
    this.drawMap();
    this.drawAxis();
    this.drawRows();
  }

  drawRows() {
    const first = Math.max(0, Math.floor(this.scroller.scrollTop / rowHeight) - 8);
    const last = Math.min(this.visible.length, Math.ceil((this.scroller.scrollTop + (this.scroller.clientHeight || 600)) / rowHeight) + 8);
    const drawn = [];
    for (let i = first; i < last; i++) drawn.push(this.row(this.visible[i], i));
    replace(this.rows, drawn);
    this.drawView(first, last);
  }

  row(node, index) {
    const [from, to] = this.window;
    const span = node.span;
    const scale = 100 / (to - from);
    const at = (span.startTime - this.start - from) * scale;
    const width = span.duration * scale;
    const [begin, end] = [Math.max(0, at), Math.min(100, at + width)];
    const inside = end >= 0 && begin <= 100;
    const open = !this.collapsed.has(node);
    const selected = node === this.selected;
    const level = this.folding && !this.openHops.size ? node.shown : node.level;
    const hop = this.folding && node.hop && !this.openHops.has(node) ? node.hop : null;
    const callee = hop?.nodes.at(-1);
    return h('div', {
      class: ['row', selected && 'selected', node.error && 'error', this.matches && !this.matches.has(node) && 'faded'].filter(Boolean).join(' '),
      id: selected ? 'selected-span' : null, 'data-index': index, role: 'treeitem', 'aria-level': level + 1, 'aria-selected': String(selected),
      'aria-expanded': node.children.length ? String(open) : null,
      'aria-label': `${node.service} ${span.operationName}, ${duration(span.duration)}${node.error ? ', error' : ''}`,
      style: { top: `${index * rowHeight}px` },
    }, h('div', { class: 'label', style: { '--level': Math.min(level, 24), '--c': colour(node.service) } },
      h('span', { class: 'fold', title: node.children.length ? `${node.descendants} below` : '' }, node.children.length ? (open ? '▾' : '▸') : ''),
      node.error && h('span', { class: node.origin ? 'mark origin' : 'mark', title: node.origin ? 'The error began here' : 'Failed because of a span below' }, node.origin ? '●' : '○'),
      h('span', { class: 'text' }, h('b', {}, node.service), ' ', span.operationName || '(no name)'),
      hop && callee.service !== node.service && h('span', { class: 'text' }, '→ ', h('b', {}, callee.service)),
      this.folding && node.hop && h('button', { class: 'badge hop', type: 'button', title: this.hopText(node.hop) }, hop ? `${hop.nodes.length} spans` : 'fold'),
      !open && h('span', { class: 'badge' }, `+${node.descendants}`), node.orphan && h('span', { class: 'badge warn', title: `Parent ${parentOf(span)} is not here` }, 'no parent')),
      h('div', { class: 'lane' }, inside && h('span', {
        class: span.duration === 0 ? 'span zero' : 'span', style: { left: `${begin}%`, width: `${Math.max(0, end - begin)}%`, '--c': colour(node.service) },
      }), inside && hop && this.part(callee, from, scale), inside && h('span', { class: 'took', style: { left: `${end}%` } }, duration(span.duration))));
  }

  /** The callee's own time inside the bar of its hop, where its clock puts it. */
  part(callee, from, scale) {
    const at = (callee.span.startTime - this.start - from) * scale;
    const [begin, end] = [Math.max(0, at), Math.min(100, at + callee.span.duration * scale)];
    return end > begin && h('span', { class: 'span callee', style: { left: `${begin}%`, width: `${end - begin}%`, '--c': colour(callee.service) } });
  }

  hopText(hop) {
    const callee = hop.nodes.at(-1);
    return `network ${duration(hop.network)}, proxies ${duration(hop.proxies)}, ${callee.service} ${duration(callee.span.duration)}`;
  }

  click(event) {
    const row = event.target.closest('.row');
    if (!row) return;
    const node = this.visible[Number(row.dataset.index)];
    if (event.target.closest('.hop')) {
      if (!this.openHops.delete(node)) this.openHops.add(node);
      this.flatten();
      return;
    }
    if (event.target.closest('.fold') && node.children.length) this.fold(node, !this.collapsed.has(node));
    else this.select(node);
  }

  key(event) {
    const at = this.selected?.row ?? -1;
    const page = Math.max(1, Math.floor(this.scroller.clientHeight / rowHeight) - 1);
    const moves = { ArrowDown: at + 1, ArrowUp: at - 1, PageDown: at + page, PageUp: at - page, Home: 0, End: this.visible.length - 1, j: at + 1, k: at - 1 };
    if (event.metaKey || event.ctrlKey || event.altKey) return;
    if (event.key in moves) this.select(this.visible[Math.min(this.visible.length - 1, Math.max(0, moves[event.key]))]);
    else if (event.key === 'ArrowLeft' && this.selected) {
      if (this.selected.children.length && !this.collapsed.has(this.selected)) this.fold(this.selected, true);
      else if (this.selected.parent) this.select(this.isFolded(this.selected.parent) ? this.selected.parent.head : this.selected.parent);
    } else if (event.key === 'ArrowRight' && this.selected) {
      if (this.collapsed.has(this.selected)) this.fold(this.selected, false);
      else if (this.selected.row + 1 < this.visible.length && this.visible[this.selected.row + 1].level > this.selected.level) this.select(this.visible[this.selected.row + 1]);
    } else if (event.key === 'Escape') this.close();
    else if (event.key === 'n') this.next(1);
    else return;
    event.preventDefault();
  }

  fold(node, folded) {
    if (folded) this.collapsed.add(node);
    else this.collapsed.delete(node);
    this.flatten();
  }

  foldAll(folded) {
    this.collapsed = new Set(folded ? this.nodes.filter((n) => n.children.length && n.level > 0) : []);
    if (this.selected && folded) while (this.selected.level > 1) this.selected = this.selected.parent;
    this.flatten();
  }

  zoom(from, to) {
    const least = Math.max(1, this.total / 1e6);
    this.window = [Math.max(0, from), Math.min(this.total, Math.max(to, from + least))];
    this.drawMap();
    this.drawAxis();
    this.drawRows();
  }

  /** Unfolds what hides a span and selects it. */
  show(node) {
    if (!node) return;
    for (let at = node.parent; at; at = at.parent) this.collapsed.delete(at);
    if (this.isFolded(node)) this.openHops.add(node.head);
    this.flatten();
    this.select(node);
  }

  select(node) {
    if (!node) return;
    this.selected = node;
    const top = node.row * rowHeight;
    const view = this.scroller;
    if (top < view.scrollTop + rowHeight) view.scrollTop = Math.max(0, top - rowHeight * 2);
    else if (top > view.scrollTop + view.clientHeight - rowHeight * 2) view.scrollTop = top - view.clientHeight + rowHeight * 3;
    view.setAttribute('aria-activedescendant', 'selected-span');
    this.remember(node.span.spanID);
    this.drawRows();
    this.drawDetail(node);
  }

  close() {
    this.selected = null;
    this.detail.hidden = true;
    this.scroller.removeAttribute('aria-activedescendant');
    this.remember(null);
    this.drawRows();
    this.scroller.focus();
  }

  /** Keeps the chosen span in the address; not at every press of a held key, which browsers throttle. */
  remember(spanID) {
    clearTimeout(this.remembering);
    this.remembering = setTimeout(() => {
      const url = new URL(location.href);
      if (spanID) url.searchParams.set('span', spanID);
      else url.searchParams.delete('span');
      history.replaceState(null, '', url);
    }, 250);
  }

  /** After a pause in typing: large traces hold much text. */
  findSoon(text) {
    clearTimeout(this.finding);
    this.finding = setTimeout(() => this.find(text), 120);
  }

  find(text) {
    this.needle = text.trim().toLowerCase();
    const has = (value) => String(value).toLowerCase().includes(this.needle);
    this.matches = this.needle ? new Set(this.nodes.filter((n) => has(n.span.operationName) || has(n.service) || n.span.spanID === this.needle
      || (n.span.tags ?? []).some((t) => has(t.key) || has(t.value) || has(`${t.key}=${t.value}`)))) : null;
    this.found.textContent = this.matches ? `${this.matches.size} match` : '';
    this.drawRows();
    this.drawMap();
  }

  next(step) {
    const list = this.matches ? this.nodes.filter((n) => this.matches.has(n)) : this.nodes.filter((n) => n.origin);
    if (!list.length) return toast(this.matches ? 'No span matches' : 'No errors');
    const order = this.selected?.order ?? -1;
    const after = step > 0 ? list.find((n) => n.order > order) ?? list[0] : list.findLast((n) => n.order < order) ?? list.at(-1);
    this.show(after);
  }

  drawAxis() {
    const [from, to] = this.window;
    const ticks = [];
    const narrow = this.axis.clientWidth < 600;
    for (const part of narrow ? [0, 1] : [0, 0.25, 0.5, 0.75, 1]) {
      ticks.push(h('span', { style: { left: `${part * 100}%` }, class: part === 1 ? 'last' : '' }, duration(from + (to - from) * part)));
    }
    replace(this.axis, h('div', { class: 'ticks' }, ticks));
  }

  drawMap() {
    const [width, height] = [this.map.parentElement.clientWidth, 56];
    const c = sized(this.map, width, height);
    const lines = Math.max(1, this.visible.length);
    const step = (height - 4) / lines;
    const thick = Math.max(1, Math.min(4, step * 0.8));
    const bad = css('--bad');
    for (const pass of [false, true]) {
      this.visible.forEach((node, index) => {
        if (node.error !== pass) return;
        c.globalAlpha = this.matches && !this.matches.has(node) ? 0.15 : 1;
        c.fillStyle = node.error ? bad : colour(node.service);
        const x = (node.span.startTime - this.start) / this.total * width;
        c.fillRect(x, 2 + index * step, Math.max(node.error ? 2 : 1, node.span.duration / this.total * width), thick);
      });
    }
    c.globalAlpha = 1;
    const [a, b] = this.drag ?? this.window.map((t) => t / this.total * width);
    c.fillStyle = css('--veil');
    c.fillRect(0, 0, Math.min(a, b), height);
    c.fillRect(Math.max(a, b), 0, width - Math.max(a, b), height);
    this.image = { width, height, step };
  }

  /** Where the scrolled part lies in the overview: a thin bar at its right edge. */
  drawView(first, last) {
    this.map.title = this.visible.length > last - first ? `rows ${first + 1}–${last} of ${this.visible.length}; drag to zoom in time` : 'drag to zoom in time';
  }

  bindMap() {
    const x = (event) => Math.min(this.image.width, Math.max(0, event.clientX - this.map.getBoundingClientRect().left));
    this.map.addEventListener('pointerdown', (event) => {
      this.map.setPointerCapture(event.pointerId);
      this.drag = [x(event), x(event)];
      this.dragTop = event.offsetY;
    });
    this.map.addEventListener('pointermove', (event) => {
      if (!this.drag) return;
      this.drag[1] = x(event);
      this.drawMap();
    });
    this.map.addEventListener('pointerup', () => {
      if (!this.drag) return;
      const [a, b] = this.drag.slice().sort((p, q) => p - q);
      this.drag = null;
      const us = this.total / this.image.width;
      if (b - a > 3) this.zoom(a * us, b * us);
      else {
        this.scroller.scrollTop = this.dragTop / this.image.step * rowHeight - this.scroller.clientHeight / 2;
        this.drawMap();
      }
    });
    this.map.addEventListener('dblclick', () => this.zoom(0, this.total));
  }

  drawDetail(node) {
    const span = node.span;
    const process = this.trace.processes?.[span.processID];
    const links = (span.references ?? []).filter((r) => !(r.traceID === span.traceID && r.spanID === parentOf(span)));
    const logs = h('div', { class: 'spanlogs' });
    const showLogs = h('button', { type: 'button', onclick: () => this.loadLogs(logs, span) }, 'Log lines of this trace');
    this.detail.hidden = false;
    replace(this.detail,
      h('header', {}, h('h2', {}, h('span', { class: 'dot', style: { '--c': colour(node.service) } }), span.operationName || '(no name)'),
        h('button', { class: 'close', type: 'button', 'aria-label': 'Close (Escape)', onclick: () => this.close() }, '×')),
      h('dl', { class: 'facts' }, fact('Service', node.service), fact('Took', duration(span.duration)),
        fact('Started', `+${duration(span.startTime - this.start)}`), fact('At', dateTime(span.startTime / 1000, true)),
        fact('Span id', span.spanID, copyButton(span.spanID, 'Span id')),
        parentOf(span) && fact('Parent', parentOf(span), node.orphan ? h('span', { class: 'badge warn' }, 'not here') : copyButton(parentOf(span), 'Parent id')),
        node.children.length > 0 && fact('Below', `${node.children.length} children, ${node.descendants} spans`)),
      node.error && h('p', { class: 'note bad' }, node.origin ? 'The error began here. ' : 'Failed, as did a span below. ', this.statusText(span)),
      node.hop && section('Call through proxies', h('dl', { class: 'facts' }, fact('Network', duration(node.hop.network)), fact('Proxies', duration(node.hop.proxies)),
        node.hop.nodes.map((part) => fact(part.proxy ? 'Proxy' : 'Service', h('a', { href: '#', onclick: (event) => { event.preventDefault(); this.show(part); } }, `${part.service} ${part.span.operationName}`), duration(part.span.duration)))), 1),
      (span.warnings ?? []).map((w) => h('p', { class: 'note' }, w)),
      section('Attributes', table(pairs(span.tags)), span.tags?.length),
      section('Events', (span.logs ?? []).slice().sort((a, b) => a.timestamp - b.timestamp).map((log) => h('div', { class: 'event' },
        h('b', {}, `+${duration(log.timestamp - span.startTime)}`), table(pairs(log.fields)))), span.logs?.length),
      section('Links', links.map((r) => h('p', {}, r.refType === 'CHILD_OF' ? 'child of ' : 'follows from ',
        h('a', { href: this.context.withRange(`/ui/trace/${r.traceID}?span=${r.spanID}`) }, `${r.traceID.slice(0, 16)}… / ${r.spanID}`))), links.length),
      section('Process', table([['service.name', node.service], ...pairs(process?.tags)]), 1, (process?.tags ?? []).length > 12),
      h('section', {}, showLogs, logs));
    this.detail.scrollTop = 0;
  }

  statusText(span) {
    return span.tags?.find((t) => t.key === 'otel.status_description')?.value ?? '';
  }

  async loadLogs(box, span) {
    replace(box, 'Reading …');
    try {
      const body = await sidelight.logs(this.trace.traceID, this.context.signal);
      const lines = logLine.list(body);
      if (!lines.length) return replace(box, notice('empty', 'No log lines carry this trace id.', 'Lines are found when they are sent with a trace id (OTLP logs, or a trace_id field).'));
      replace(box, lines.map((line) => logLine.row(line, this.context, line.spanID === span.spanID ? 'own' : '')));
    } catch (error) {
      if (error.name !== 'AbortError') replace(box, notice('error', 'The log lines could not be read.', error.message));
    }
  }
}

const parentOf = (span) => (span.references ?? []).find((r) => r.traceID === span.traceID && r.refType === 'CHILD_OF')?.spanID
  ?? (span.references ?? []).find((r) => r.traceID === span.traceID)?.spanID ?? '';

const fact = (name, value, extra) => h('div', {}, h('dt', {}, name), h('dd', {}, value, ' ', extra));

function section(name, content, count, closed = false) {
  if (!count) return null;
  return h('details', { open: !closed }, h('summary', {}, name, ' ', count > 1 && h('i', { class: 'dim' }, String(count))), content);
}

function table(rows) {
  return h('table', { class: 'attributes' }, h('tbody', {}, rows.map(([key, value]) => h('tr', {}, h('th', { scope: 'row' }, key), h('td', {}, longText(value))))));
}
