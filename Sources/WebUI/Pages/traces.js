// Searching traces.

import { h, replace, duration, clock, dateTime, ago, colour, css, field, notice, sized } from './dom.js';
import { jaeger } from './api.js';
import { summary } from './model.js';

export const title = 'Traces';

/** `k=v k2="v 2"` as an object; throws with the place of what is no tag. */
export function parseTags(text) {
  const tags = {};
  const pattern = /\s*([^\s=]+)=(?:"((?:[^"\\]|\\.)*)"|(\S*))\s*/y;
  let at = 0;
  while (at < text.trimEnd().length) {
    pattern.lastIndex = at;
    const match = pattern.exec(text);
    if (!match) throw new Error(`“${text.slice(at).trim()}” is not key=value`);
    tags[match[1]] = match[2] !== undefined ? match[2].replace(/\\(.)/g, '$1') : match[3];
    at = pattern.lastIndex;
  }
  return tags;
}

export function mount(main, context) {
  const p = context.parameters;
  const services = h('select', { name: 'service' }, h('option', { value: '' }, 'all services'));
  const operations = h('input', { name: 'operation', list: 'operations', placeholder: 'all operations', value: p.get('operation') ?? '', autocomplete: 'off' });
  const operationList = h('datalist', { id: 'operations' });
  const input = (name, placeholder) => h('input', { name, placeholder, value: p.get(name) ?? '', autocomplete: 'off', spellcheck: 'false' });
  const limit = h('select', { name: 'limit' }, ['20', '50', '100', '200'].map(
    (n) => h('option', { value: n, selected: n === (p.get('limit') ?? '20') }, n)));
  const result = h('section', { 'aria-label': 'Traces found', 'aria-live': 'polite' });
  const form = h('form', {
    class: 'search', role: 'search', onsubmit: (event) => {
      event.preventDefault();
      context.set(Object.fromEntries(new FormData(form)));
    },
  }, field('Service', services), field('Operation', operations), operationList,
    field('Tags', input('tags', 'error=true key="a value"'), 'wide'),
    field('Min duration', input('minDuration', '100ms'), 'narrow'),
    field('Max duration', input('maxDuration', '2s'), 'narrow'), field('Limit', limit, 'narrow'),
    h('button', { class: 'primary' }, 'Find traces'));
  replace(main, h('h1', { class: 'hidden' }, 'Traces'), form, result);

  services.addEventListener('change', () => loadOperations(services.value));
  const loadOperations = async (service) => {
    try {
      const names = service ? await jaeger.operations(service, context.signal) : [];
      replace(operationList, names.map((name) => h('option', { value: name })));
    } catch { replace(operationList); }
  };
  const loadServices = async () => {
    const wanted = p.get('service') ?? '';
    let names = [];
    try { names = await jaeger.services(context.signal); } catch { /* the search itself reports it */ }
    if (wanted && !names.includes(wanted)) names.push(wanted);
    replace(services, h('option', { value: '' }, 'all services'),
      names.sort().map((name) => h('option', { value: name, selected: name === wanted }, name)));
    if (wanted) loadOperations(wanted);
  };

  const search = async () => {
    const { from, to } = context.range();
    result.classList.add('loading');
    try {
      const tags = parseTags(p.get('tags') ?? '');
      const found = await jaeger.search({
        service: p.get('service'), operation: p.get('operation'), limit: p.get('limit') ?? 20,
        tags: Object.keys(tags).length ? JSON.stringify(tags) : '',
        minDuration: compact(p.get('minDuration')), maxDuration: compact(p.get('maxDuration')),
        start: Math.round(from * 1000), end: Math.round(to * 1000),
      }, context.signal);
      drawResult(result, found.map(summary).sort((a, b) => b.start - a.start), context);
    } catch (error) {
      if (error.name === 'AbortError') return;
      replace(result, notice('error', 'The search failed.', error.message));
    }
    result.classList.remove('loading');
  };
  loadServices();
  search();
  return { refresh: search };
}

const compact = (text) => (text ?? '').replace(/\s+/g, '');

function drawResult(result, found, context) {
  if (!found.length) {
    return replace(result, notice('empty', 'No trace matches.',
      'Widen the time range at the top, or remove tags and duration bounds.',
      'If nothing has arrived yet: send OTLP to port 4317 (gRPC) or 4318 (HTTP), or Zipkin to 9411.'));
  }
  const longest = Math.max(...found.map((t) => t.duration), 1);
  const failed = found.filter((t) => t.errors).length;
  const link = (t) => context.withRange(`/ui/trace/${t.id}`);
  const list = h('ol', { class: 'traces' }, found.map((t) => h('li', {},
    h('a', { href: link(t), class: t.errors ? 'failed' : '' },
      h('span', { class: 'bar', style: { width: `${Math.max(0.3, t.duration / longest * 100)}%`, '--c': colour(t.service) } }),
      h('span', { class: 'line' },
        h('span', { class: 'name' }, h('b', {}, t.service), ' ', t.operation, ' ', t.rootMissing && h('span', { class: 'badge warn', title: 'The first span did not arrive (yet)' }, 'root missing')),
        t.errors > 0 && h('span', { class: 'badge bad' }, `${t.errors} error${t.errors > 1 ? 's' : ''}`),
        h('span', { class: 'time' }, duration(t.duration))),
      h('span', { class: 'line small' },
        h('span', { class: 'chips' }, t.services.slice(0, 8).map((s) => h('span', { class: 'chip', style: { '--c': colour(s.name) } },
          s.name, ' ', h('i', {}, String(s.spans)), s.errors > 0 && h('em', { title: `${s.errors} errors` }, ` !${s.errors}`))),
          t.services.length > 8 && ` and ${t.services.length - 8} more`),
        h('span', { class: 'when', title: dateTime(t.start / 1000, true) }, `${clock(t.start / 1000)} · ${ago(t.start / 1000)} ago`),
        h('code', { class: 'id' }, t.id.replace(/^0+(?=.)/, '').slice(0, 8)))))));
  const open = h('form', { class: 'open', onsubmit: (event) => {
    event.preventDefault();
    const id = event.target.elements.id.value.trim();
    if (id) context.navigate(context.withRange(`/ui/trace/${encodeURIComponent(id)}`));
  } }, h('input', { name: 'id', placeholder: 'open a trace id', 'aria-label': 'Trace id', pattern: '\\s*[0-9a-fA-F]{1,32}\\s*', spellcheck: 'false' }));
  const plot = h('canvas', { class: 'scatter', role: 'img', 'aria-label': `Duration of ${found.length} traces over time` });
  replace(result, h('div', { class: 'headline' },
    h('span', {}, `${found.length} trace${found.length > 1 ? 's' : ''}`, failed > 0 && [', ', h('span', { class: 'bad' }, `${failed} with errors`)], ', newest first'), open), plot, list);
  scatter(plot, found, (t) => context.navigate(link(t)));
}

/** Duration (logarithmic) over time; a click opens the trace. */
function scatter(canvas, found, open) {
  const [width, height] = [canvas.parentElement.clientWidth, 130];
  const [left, right, top, bottom] = [62, 12, 10, 22];
  const low = Math.log10(Math.max(1, Math.min(...found.map((t) => t.duration)) / 1.5));
  const high = Math.max(low + 0.5, Math.log10(Math.max(1, ...found.map((t) => t.duration)) * 1.5));
  // The limit cuts a list that is newest first: the axis spans what is shown, not the empty time before.
  const starts = found.map((t) => t.start / 1000);
  const [oldest, newest] = [Math.min(...starts), Math.max(...starts)];
  const room = Math.max(100, (newest - oldest) * 0.03);
  const [begin, end] = [oldest - room, newest + room];
  const x = (ms) => left + (ms - begin) / (end - begin) * (width - left - right);
  const y = (us) => height - bottom - (Math.log10(Math.max(1, us)) - low) / (high - low) * (height - top - bottom);
  const points = found.map((t) => ({ t, x: x(t.start / 1000), y: y(t.duration), r: Math.min(9, 3 + Math.log2(t.spans) / 2) }));
  const draw = (marked) => {
    const c = sized(canvas, width, height);
    c.font = '11px system-ui, sans-serif';
    c.fillStyle = css('--dim');
    c.strokeStyle = css('--line');
    c.textAlign = 'right';
    c.textBaseline = 'middle';
    for (let e = Math.ceil(low * 2) / 2; e <= high; e += high - low > 3 ? 1 : 0.5) {
      const at = Math.round(y(10 ** e)) + 0.5;
      c.beginPath(); c.moveTo(left, at); c.lineTo(width - right, at); c.stroke();
      c.fillText(duration(10 ** e), left - 8, at);
    }
    c.textBaseline = 'alphabetic';
    const count = Math.max(2, Math.floor(width / 180));
    for (let i = 0; i <= count; i++) {
      const ms = begin + (end - begin) * i / count;
      c.textAlign = i === 0 ? 'left' : i === count ? 'right' : 'center';
      c.fillText(clock(ms), x(ms), height - 5);
    }
    for (const point of points) {
      c.beginPath();
      c.arc(point.x, point.y, point.r, 0, 7);
      c.globalAlpha = point.t === marked ? 1 : 0.7;
      c.fillStyle = point.t.errors ? css('--bad') : css('--accent');
      c.fill();
      if (point.t === marked) { c.strokeStyle = css('--text'); c.lineWidth = 2; c.stroke(); }
    }
    c.globalAlpha = 1;
  };
  const near = (event) => {
    const box = canvas.getBoundingClientRect();
    const [px, py] = [event.clientX - box.left, event.clientY - box.top];
    let best = null;
    for (const point of points) {
      const distance = Math.hypot(point.x - px, point.y - py);
      if (distance < 14 && (!best || distance < best.distance)) best = { point, distance };
    }
    return best?.point.t ?? null;
  };
  canvas.addEventListener('mousemove', (event) => {
    const t = near(event);
    canvas.style.cursor = t ? 'pointer' : 'default';
    canvas.title = t ? `${t.service} ${t.operation}\n${duration(t.duration)}, ${t.spans} spans\n${dateTime(t.start / 1000)}` : '';
    draw(t);
  });
  canvas.addEventListener('click', (event) => { const t = near(event); if (t) open(t); });
  draw(null);
}
