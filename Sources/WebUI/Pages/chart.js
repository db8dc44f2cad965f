// Time series on a canvas: lines or stacked bars, axes, values under the pointer, a range by dragging.

import { h, replace, css, clock, day, short, sized, dateTime } from './dom.js';

const steps = [1, 2, 2.5, 5, 10];
const timeSteps = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400].map((s) => s * 1000);

/**
 * `series` are `{ name, colour, points: [[ms, value], …], hidden }`. `bars` stacks columns of `step` ms.
 * `onrange(from, to)` is called when a range was dragged.
 */
export class Chart {
  constructor({ height = 320, bars = false, onrange, label }) {
    this.height = height;
    this.bars = bars;
    this.onrange = onrange;
    this.series = [];
    this.canvas = h('canvas', { role: 'img', 'aria-label': label });
    this.tip = h('div', { class: 'tip', hidden: true });
    this.element = h('div', { class: 'chartbox' }, this.canvas, this.tip);
    this.observer = new ResizeObserver(() => this.draw());
    this.observer.observe(this.element);
    this.canvas.addEventListener('pointermove', (event) => this.hover(event));
    this.canvas.addEventListener('pointerleave', () => { this.at = null; this.tip.hidden = true; this.draw(); });
    this.canvas.addEventListener('pointerdown', (event) => {
      if (!this.onrange) return;
      this.canvas.setPointerCapture(event.pointerId);
      this.from = event.offsetX;
    });
    this.canvas.addEventListener('pointerup', (event) => {
      const from = this.from;
      this.from = null;
      if (from === null || from === undefined) return;
      const [a, b] = [from, event.offsetX].sort((p, q) => p - q);
      if (b - a > 5) this.onrange(Math.round(this.time(a)), Math.round(this.time(b)));
      else this.draw();
    });
  }

  destroy() { this.observer.disconnect(); }

  set({ series, from, to, step }) {
    Object.assign(this, { series, begin: from, end: to, step });
    this.draw();
  }

  shown() { return this.series.filter((s) => !s.hidden); }

  x(ms) { return this.left + (ms - this.begin) / (this.end - this.begin || 1) * (this.width - this.left - 14); }
  time(x) { return this.begin + (x - this.left) / (this.width - this.left - 14) * (this.end - this.begin); }
  y(v) { return this.height - 26 - (v - this.low) / (this.high - this.low || 1) * (this.height - 38); }

  bounds() {
    let [low, high] = [Infinity, -Infinity];
    if (this.bars) {
      const sums = new Map();
      for (const s of this.shown()) for (const [t, v] of s.points) sums.set(t, (sums.get(t) ?? 0) + v);
      low = 0;
      high = Math.max(1, ...sums.values());
    } else {
      for (const s of this.shown()) {
        for (const [, v] of s.points) {
          if (!Number.isFinite(v)) continue;
          if (v < low) low = v;
          if (v > high) high = v;
        }
      }
      if (low > high) [low, high] = [0, 1];
      // Zero belongs in the picture unless the values are far from it.
      if (low > 0 && low < high * 0.7) low = 0;
      if (high < 0 && high > low * 0.7) high = 0;
      if (low === high) { const pad = Math.abs(low) * 0.1 || 1; low -= pad; high += pad; }
    }
    const raw = (high - low) / Math.max(2, Math.floor(this.height / 55));
    const unit = 10 ** Math.floor(Math.log10(raw));
    const tick = steps.find((s) => s * unit >= raw) * unit;
    this.low = Math.floor(low / tick) * tick;
    this.high = Math.ceil(high / tick) * tick;
    this.tick = tick;
  }

  draw() {
    this.width = this.element.clientWidth - 2;
    if (this.width < 50 || !this.begin) return;
    const c = sized(this.canvas, this.width, this.height);
    this.bounds();
    c.font = '11.5px system-ui, sans-serif';
    const labels = [];
    for (let v = this.low; v <= this.high + this.tick / 2; v += this.tick) labels.push(Math.abs(v) < this.tick / 1e6 ? 0 : v);
    this.left = 18 + Math.max(...labels.map((v) => c.measureText(short(v)).width));
    this.grid(c, labels);
    c.save();
    c.beginPath();
    c.rect(this.left, 4, this.width - this.left - 10, this.height - 29);
    c.clip();
    if (this.bars) this.drawBars(c);
    else this.drawLines(c);
    c.restore();
    this.overlay(c);
  }

  grid(c, labels) {
    c.fillStyle = css('--dim');
    c.strokeStyle = css('--line');
    c.lineWidth = 1;
    c.textBaseline = 'middle';
    c.textAlign = 'right';
    for (const v of labels) {
      const at = Math.round(this.y(v)) + 0.5;
      c.beginPath(); c.moveTo(this.left, at); c.lineTo(this.width - 14, at); c.stroke();
      c.fillText(short(v), this.left - 8, at);
    }
    const span = this.end - this.begin;
    const step = timeSteps.find((s) => s >= span / Math.max(2, Math.floor(this.width / 120))) ?? 86400000;
    const zone = new Date(this.begin).getTimezoneOffset() * 60000;
    c.textBaseline = 'alphabetic';
    c.textAlign = 'center';
    for (let t = Math.ceil((this.begin - zone) / step) * step + zone; t <= this.end; t += step) {
      const x = Math.round(this.x(t)) + 0.5;
      const text = step < 60000 ? clock(t) : clock(t).slice(0, 5) === '00:00' ? day(t).slice(5) : clock(t).slice(0, 5);
      if (x > this.left + 14 && x < this.width - 30) c.fillText(text, x, this.height - 8);
      c.globalAlpha = 0.5;
      c.beginPath(); c.moveTo(x, 6); c.lineTo(x, this.height - 26); c.stroke();
      c.globalAlpha = 1;
    }
  }

  drawLines(c) {
    c.lineJoin = 'round';
    for (const s of this.shown()) {
      c.strokeStyle = c.fillStyle = s.colour;
      c.lineWidth = s === this.marked ? 3 : 1.6;
      c.globalAlpha = this.marked && s !== this.marked ? 0.25 : 1;
      c.beginPath();
      let [before, count] = [-Infinity, 0];
      const dots = [];
      for (const [t, v] of s.points) {
        const gap = !Number.isFinite(v);
        // A missing step is a gap, not a line.
        const joined = !gap && t - before <= this.step * 1500;
        if (!joined && count === 1) dots.push(before);
        if (gap) { before = -Infinity; count = 0; continue; }
        if (joined) { c.lineTo(this.x(t), this.y(v)); count += 1; } else { c.moveTo(this.x(t), this.y(v)); count = 1; }
        before = t;
      }
      c.stroke();
      if (count === 1) dots.push(before);
      const values = dots.length ? new Map(s.points) : null;
      for (const t of dots) { c.beginPath(); c.arc(this.x(t), this.y(values.get(t)), 2.5, 0, 7); c.fill(); }
    }
    c.globalAlpha = 1;
  }

  drawBars(c) {
    const base = new Map();
    const width = Math.max(1, this.x(this.begin + this.step * 1000) - this.x(this.begin) - 1);
    for (const s of this.shown()) {
      c.fillStyle = s.colour;
      for (const [t, v] of s.points) {
        if (!v) continue;
        const below = base.get(t) ?? 0;
        base.set(t, below + v);
        c.fillRect(this.x(t), this.y(below + v), width, Math.max(1, this.y(below) - this.y(below + v)));
      }
    }
  }

  overlay(c) {
    if (this.from !== null && this.from !== undefined && this.pointer !== undefined) {
      c.fillStyle = css('--accent');
      c.globalAlpha = 0.2;
      c.fillRect(Math.min(this.from, this.pointer), 4, Math.abs(this.pointer - this.from), this.height - 30);
      c.globalAlpha = 1;
    }
    if (this.at === null || this.at === undefined) return;
    const x = this.x(this.bars ? this.at + this.step * 500 : this.at);
    c.strokeStyle = css('--dim');
    c.lineWidth = 1;
    c.beginPath(); c.moveTo(x, 4); c.lineTo(x, this.height - 26); c.stroke();
    if (this.bars) return;
    for (const { series, value } of this.values.slice(0, 30)) {
      c.fillStyle = series.colour;
      c.beginPath(); c.arc(x, this.y(value), 3.5, 0, 7); c.fill();
    }
  }

  hover(event) {
    this.pointer = event.offsetX;
    if (!this.series.length || !this.step) return;
    const step = this.step * 1000;
    const t = this.time(event.offsetX);
    const index = this.bars ? Math.floor((t - this.begin) / step) : Math.round((t - this.begin) / step);
    this.at = Math.min(this.end, Math.max(this.begin, this.begin + index * step));
    this.values = [];
    for (const series of this.shown()) {
      const point = nearest(series.points, this.at, step / 2);
      if (point && Number.isFinite(point[1])) this.values.push({ series, value: point[1] });
    }
    this.values.sort((a, b) => b.value - a.value);
    this.draw();
    this.tip.hidden = !this.values.length;
    if (!this.values.length) return;
    const near = this.bars ? null : this.values.reduce((best, v) => (Math.abs(this.y(v.value) - event.offsetY) < Math.abs(this.y(best.value) - event.offsetY) ? v : best));
    replace(this.tip, h('div', { class: 'dim' }, dateTime(this.at)), this.values.slice(0, 12).map((v) => h('div', {},
      h('span', { class: 'dot', style: { '--c': v.series.colour } }), h(v === near ? 'strong' : 'span', { class: 'text' }, v.series.name), h('b', {}, short(v.value)))),
      this.values.length > 12 && h('div', { class: 'dim' }, `and ${this.values.length - 12} more`));
    const right = event.offsetX > this.width * 0.55;
    this.tip.style.left = right ? 'auto' : `${event.offsetX + 16}px`;
    this.tip.style.right = right ? `${this.width - event.offsetX + 16}px` : 'auto';
    this.tip.style.top = '12px';
  }
}

function nearest(points, t, within) {
  let [low, high] = [0, points.length - 1];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (points[middle][0] < t) low = middle + 1;
    else high = middle;
  }
  const best = [points[low - 1], points[low]].filter(Boolean).sort((a, b) => Math.abs(a[0] - t) - Math.abs(b[0] - t))[0];
  return best && Math.abs(best[0] - t) <= within ? best : null;
}
