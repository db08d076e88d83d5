// SPDX-License-Identifier: Apache-2.0
// The page: settings in, a run, plots out; the address holds what differs from the defaults.
import { Controls, element, same } from './controls.js';
import { Circuit } from './circuit.js';
import { Curve, Raster, TimePlot, number, picture, readColours } from './plots.js';
import * as server from './server.js';
import * as files from './files.js';

const $ = id => document.getElementById(id);
const SHOWN = ['qlif.p', 'qlif.adaptation', 'qlif.slope'];
const MOST_SHOWN = 6;
const SPEAK_AFTER = 700;
const WRITE_AFTER = 200;

let controls;
let catalogue;
let result;
/** What only concerns this page: the device, the neuron whose traces are seen, the traces. */
const view = { device: 'auto', neuron: 0, shown: [...SHOWN] };

// ---- Runs: one at a time; what changes meanwhile is in the next one.

let running = false;
let wanted = false;
let since = 0;
let speaking;
let writing;

function changed() {
  if (!wanted) since = performance.now();
  wanted = true;
  writeLinkSoon();
  showChoices();
  if (!running) work();
}

async function work() {
  running = true;
  $('plots').setAttribute('aria-busy', 'true');
  while (wanted) {
    wanted = false;
    const began = since;
    try {
      result = await server.run(request(), tracesWanted());
      refused(null);
      show();
      await new Promise(done => requestAnimationFrame(() => setTimeout(done)));
      tell(performance.now() - began);
    } catch (refusal) {
      if (!(refusal instanceof server.Refusal)) console.error(refusal);
      refused(refusal);
    }
    document.body.dataset.runs = Number(document.body.dataset.runs ?? 0) + 1;
  }
  $('plots').setAttribute('aria-busy', 'false');
  running = false;
}

function request() {
  const settings = controls.settings();
  if (view.device !== 'auto') settings.device = view.device;
  return settings;
}

const tracesWanted = () => [...new Set(view.shown.map(name => name.slice(name.indexOf('.') + 1)))];

function refused(refusal) {
  const fields = refusal?.fields ?? {};
  const others = controls.showRefusals(fields);
  const texts = others.map(key => `${key}: ${fields[key]}`);
  $('problem').hidden = !refusal;
  $('problem').replaceChildren(...(refusal ? [[refusal.message, ...texts].join('. ') + ' ', ...shortcuts(fields)] : []));
  if (fields.device) $('device').setAttribute('aria-invalid', 'true');
  else $('device').removeAttribute('aria-invalid');
  for (const plot of allPlots) plot.figure.classList.toggle('late', Boolean(refusal));
}

/** Buttons that lead to the controls whose settings were refused. */
function shortcuts(fields) {
  return Object.keys(fields).filter(key => controls.knows(key)).map(key => {
    const button = element('button', { type: 'button' }, `${key}: ${fields[key]}`);
    button.addEventListener('click', () => {
      openSheet(true);
      controls.focus(key);
    });
    return button;
  });
}

// ---- Plots.

const plots = {};
let allPlots = [];
let chips;
let circuit;

function makePlots() {
  plots.input = new TimePlot('Input current and modulation', 128);
  plots.qlif = new TimePlot('QLIF: membrane and threshold', 220, 'qlif');
  plots.lif = new TimePlot('LIF: membrane and threshold', 180, 'lif');
  plots.raster = new Raster('Spikes of all neurons');
  plots.traces = new TimePlot('Traces', 210);
  plots.curve = new Curve('Spike probability over the gap, p(Δ)', 210);
  allPlots = Object.values(plots);
  chips = element('div', { className: 'chips', role: 'group', 'aria-label': 'Traces that are shown' });
  plots.traces.caption.append(chips);
  circuit = new Circuit();
  const last = plots.curve.figure;
  $('figures').append(...allPlots.map(plot => plot.figure).filter(figure => figure !== last),
    element('div', { className: 'pair' }, last, circuit.figure));
}

/** A trace of the neuron that is seen; what is not finite is a gap in its line. */
function ofNeuron(name) {
  const { values, columns, rows } = result.series.get(name);
  const trace = new Array(rows);
  for (let t = 0; t < rows; t++) {
    const value = values[t * columns + view.neuron];
    trace[t] = Number.isFinite(value) ? value : null;
  }
  return trace;
}

const spikesOf = name => result.series.get(name)?.values.reduce((sum, spike) => sum + (spike ? 1 : 0), 0) ?? 0;
const share = count => `${number(100 * count / (result.steps * result.neurons), 3)} % of steps`;

function span(values) {
  let low = Infinity;
  let high = -Infinity;
  for (const value of values) {
    if (value !== null && value < low) low = value;
    if (value !== null && value > high) high = value;
  }
  return low <= high ? `from ${number(low)} to ${number(high)}` : 'no numbers';
}

function show() {
  const { series, steps, neurons } = result;
  $('figures').hidden = $('view').hidden = false;
  view.neuron = Math.min(view.neuron, neurons - 1);
  $('neuron').max = neurons;
  $('neuron').value = view.neuron + 1;
  $('neuron-shown').textContent = `${view.neuron + 1} of ${neurons}`;
  const x = Float64Array.from({ length: steps }, (_, t) => t);

  const input = ofNeuron('qlif.input');
  const modulated = series.has('qlif.external_modulation');
  plots.input.show(
    [{ label: 'I', name: 'input' }, ...(modulated ? [{ label: 'm', name: 'modulation', dash: [7, 4] }] : [])],
    [x, input, ...(modulated ? [ofNeuron('qlif.external_modulation')] : [])], '', `The input goes ${span(input)}`);

  showMembrane('qlif', x);
  const compares = series.has('lif.v');
  plots.lif.figure.hidden = !compares;
  if (compares) {
    plots.lif.title = plots.lif.caption.firstChild.textContent =
      controls.get('compare') === 'lif' ? 'LIF: membrane and threshold' : 'Plain LIF: membrane and threshold';
    showMembrane('lif', x);
  }

  const bands = [{ label: 'QLIF', name: 'qlif', spikes: series.get('qlif.spikes').values, neurons }];
  if (compares) bands.push({ label: 'LIF', name: 'lif', spikes: series.get('lif.spikes').values, neurons });
  plots.raster.showBands(bands, view.neuron);
  plots.raster.show([{ label: 'spikes', name: 'qlif' }], [x, new Array(steps).fill(null)], '',
    bands.map(band => `${band.label}: ${spikesOf(`${band.name}.spikes`)} spikes`).join(', '));

  showTraces(x);
  showCurve();
  showTiles(compares);
  controls.showDerived(result.derived);
}

function showMembrane(model, x) {
  const spikes = ofNeuron(`${model}.spikes`);
  const count = spikes.reduce((sum, spike) => sum + (spike ? 1 : 0), 0);
  const membrane = ofNeuron(`${model}.v`);
  plots[model].showSpikes(spikes);
  plots[model].show(
    [{ label: 'V', name: model }, { label: 'θ', name: 'threshold', dash: [5, 4], width: 1.4 }],
    [x, membrane, ofNeuron(`${model}.threshold`)],
    `neuron ${view.neuron + 1}, ${count} ${count === 1 ? 'spike' : 'spikes'}, marked above`,
    `Neuron ${view.neuron + 1}: ${count} spikes, potential ${span(membrane)}`);
}

const titleOf = name => {
  const [model, trace] = [name.slice(0, name.indexOf('.')), name.slice(name.indexOf('.') + 1)];
  const title = catalogue.traces[model].find(one => one.name === trace).title;
  return model === 'lif' ? `LIF: ${title}` : title;
};

function showTraces(x) {
  const there = view.shown.filter(name => result.series.has(name));
  plots.traces.box.hidden = there.length === 0;
  plots.traces.note.textContent = there.length ? '' : 'none is chosen';
  if (there.length === 0) return;
  const lines = there.map(name => ({ label: titleOf(name), name: `trace-${view.shown.indexOf(name)}` }));
  plots.traces.show(lines, [x, ...there.map(ofNeuron)], '', there.map(titleOf).join(', '));
}

function showCurve() {
  const now = name => controls.get(`qlif.${name}`);
  circuit.figure.hidden = now('decision') !== 'QUBIT';
  if (!circuit.figure.hidden) {
    circuit.show(now('readout'), Number(now('quantum_wires')), now('quantum_threshold'), now('angle_map') === 'LINEAR');
  }
  const gaps = result.series.get('curve.gap')?.values;
  plots.curve.figure.hidden = !gaps;
  if (!gaps) return;
  const p = result.series.get('curve.p').values;
  const middle = (gaps.length - 1) / 2;
  const slope = (p[middle + 1] - p[middle - 1]) / (gaps[middle + 1] - gaps[middle - 1]);
  const tangent = Array.from(gaps, gap => {
    const y = p[middle] + slope * gap;
    return Math.abs(gap) <= 2.5 && y >= 0 && y <= 1 ? y : null;
  });
  const point = `p = ${number(p[middle], 3)}, slope ${number(slope, 3)} at Δ = 0`;
  const angle = now('decision') === 'QUBIT'
    ? `; α = ${number(result.derived['qlif.q_scale'])}, β = ${number(result.derived['qlif.q_bias'])}` : '';
  plots.curve.middle = p[middle];
  plots.curve.show(
    [{ label: 'p at rest', name: 'qlif' }, { label: 'p after a spike', name: 'modulation', width: 1.2 },
      { label: 'tangent at Δ = 0', name: 'lif', dash: [5, 4] }],
    [Array.from(gaps), Array.from(p), Array.from(result.series.get('curve.after').values), tangent],
    `${point}${angle}`);
}

function tile(kind, value, text) {
  return element('div', { className: `tile ${kind}` }, element('b', {}, value), element('span', {}, text));
}

function showTiles(compares) {
  const spikes = spikesOf('qlif.spikes');
  const tiles = [tile('qlif', String(spikes), `QLIF spikes, ${share(spikes)}`)];
  if (compares) {
    const others = spikesOf('lif.spikes');
    tiles.push(tile('lif', String(others), `${controls.get('compare') === 'lif' ? 'LIF' : 'plain LIF'} spikes, ${share(others)}`));
  }
  const p = result.series.get('qlif.p').values;
  tiles.push(tile('', number(p.reduce((sum, one) => sum + one, 0) / p.length), 'mean spike probability'));
  tiles.push(tile('', `${result.neurons} × ${result.steps}`, 'neurons × steps'));
  $('summary').replaceChildren(...tiles);
}

/** Says what ran, and how long it took. */
function tell(latency) {
  const rate = result.steps * result.neurons / result.nanos * 1e3;
  $('speed').textContent = `${result.device}: kernel ${number(result.nanos / 1e6, 3)} ms, ${number(rate, 3)} M neuron-steps/s; shown after `
    + `${Math.round(latency)} ms`;
  document.body.dataset.latency = latency.toFixed(1);
  clearTimeout(speaking);
  speaking = setTimeout(() => {
    $('spoken').textContent = [...$('summary').children].map(one => one.textContent.replace(/^([\d.−]+)/, '$1 ')).join('; ');
  }, SPEAK_AFTER);
}

// ---- Presets, modes, traces, devices.

function showChoices() {
  const now = key => controls.get(key);
  const matching = catalogue.presets.findIndex(preset => controls.keys('qlif.').every(key =>
    same(now(key), preset.settings[key] ?? controls.specs.get(key).byDefault)));
  $('preset').value = String(matching);
  const mode = catalogue.modes.find(one => Object.entries(one.settings).every(([key, text]) =>
    key === 'modulation' ? (text === 'none') === (now(key) === 'none') : same(now(key), text)));
  const decision = now('qlif.decision') === 'QUBIT' ? 'qubit' : 'classic';
  for (const chip of $('decisions').children) chip.setAttribute('aria-pressed', String(chip.dataset.name === decision));
  for (const chip of $('modes').children) chip.setAttribute('aria-pressed', String(chip.dataset.name === mode?.name));
  const compared = now('compare');
  $('lif-title').hidden = $('lif-panels').hidden = compared !== 'lif';
  for (const chip of chips.children) {
    const at = view.shown.indexOf(chip.dataset.name);
    chip.setAttribute('aria-pressed', String(at >= 0));
    chip.hidden = chip.dataset.name.startsWith('lif.') && compared !== 'lif';
    chip.disabled = at < 0 && view.shown.length >= MOST_SHOWN;
  }
}

function chip(name, text, pressed) {
  const made = element('button', { type: 'button', 'aria-pressed': 'false' }, text);
  made.dataset.name = name;
  made.addEventListener('click', pressed);
  return made;
}

function chooseMode(decision, name) {
  controls.apply(catalogue.modes.find(mode => mode.decision === decision && mode.name === name).settings);
}

const pressed = place => [...$(place).children].find(one => one.getAttribute('aria-pressed') === 'true')?.dataset.name;

function makeChoices() {
  $('preset').append(element('option', { value: '-1', disabled: true, hidden: true }, 'Own settings'),
    ...catalogue.presets.map((preset, i) => element('option', { value: String(i) }, preset.name)));
  $('preset').addEventListener('change', () => {
    controls.forget('qlif.');
    controls.apply(catalogue.presets[Number($('preset').value)].settings);
  });
  $('reset').addEventListener('click', () => {
    controls.forget();
    Object.assign(view, { device: 'auto', neuron: 0, shown: [...SHOWN] });
    $('device').value = 'auto';
    controls.apply({});
  });
  $('decisions').append(
    chip('qubit', 'Qubit decision', () => chooseMode('qubit', pressed('modes') ?? 'Stochastic')),
    chip('classic', 'Classic decision', () => chooseMode('classic', pressed('modes') ?? 'Stochastic')));
  $('modes').append(...catalogue.modes.filter(mode => mode.decision === 'qubit').map(mode =>
    chip(mode.name, mode.name, () => chooseMode(pressed('decisions') ?? 'qubit', mode.name))));
  for (const model of ['qlif', 'lif']) {
    chips.append(...catalogue.traces[model].map(({ name }) => `${model}.${name}`).map(name =>
      chip(name, titleOf(name), () => {
        view.shown = view.shown.includes(name) ? view.shown.filter(other => other !== name) : [...view.shown, name];
        changed();
      })));
  }
  for (const { name, description, available, remarks } of catalogue.devices) {
    const option = element('option', { value: name, disabled: !available, title: [description, ...remarks].filter(Boolean).join('; ') },
      available ? name : `${name} (can't run here)`);
    $('device').append(option);
  }
  $('device').addEventListener('change', () => {
    view.device = $('device').value;
    changed();
  });
  $('measure').addEventListener('click', measure);
  $('neuron').addEventListener('input', () => {
    view.neuron = Number($('neuron').value) - 1;
    writeLinkSoon();
    if (result) show();
  });
  $('find').addEventListener('input', () => controls.find($('find').value));
  $('controls').addEventListener('submit', event => event.preventDefault());
  $('sheet').addEventListener('click', () => openSheet($('sheet').getAttribute('aria-expanded') !== 'true'));
  openSheet(!matchMedia('(max-width: 860px)').matches);
}

function openSheet(open) {
  $('sheet').setAttribute('aria-expanded', String(open));
}

async function measure() {
  $('measure').disabled = true;
  $('measure').textContent = 'Measuring…';
  try {
    const measured = await server.measure(request());
    $('speed').textContent = `${measured.device}: ${number(measured.perSecond / 1e6, 3)} M neuron-steps/s on a batch of ${measured.shape.join(' × ')}`;
  } catch (refusal) {
    refused(refusal);
  }
  $('measure').textContent = 'Measure';
  $('measure').disabled = false;
}

// ---- The link.

/** Browsers refuse an address that changes too often, as it would while a slider moves. */
function writeLinkSoon() {
  clearTimeout(writing);
  writing = setTimeout(writeLink, WRITE_AFTER);
}

function writeLink() {
  clearTimeout(writing);
  const link = new URLSearchParams(controls.settings());
  if (view.device !== 'auto') link.set('device', view.device);
  if (view.neuron) link.set('neuron', String(view.neuron + 1));
  if (view.shown.join() !== SHOWN.join()) link.set('show', view.shown.join());
  const text = link.toString();
  history.replaceState(null, '', text ? `#${text}` : location.pathname);
}

function readLink() {
  const link = new URLSearchParams(location.hash.slice(1));
  controls.forget();
  Object.assign(view, { device: 'auto', neuron: 0, shown: [...SHOWN] });
  const settings = {};
  for (const [key, text] of link) {
    if (key === 'device') view.device = text;
    else if (key === 'neuron') view.neuron = Math.max(0, (Number.parseInt(text, 10) || 1) - 1);
    else if (key === 'show') view.shown = text.split(',').filter(isTrace).slice(0, MOST_SHOWN);
    else if (controls.knows(key)) settings[key] = text;
  }
  if (![...$('device').options].some(option => option.value === view.device)) {
    $('device').append(element('option', { value: view.device, disabled: true }, view.device));
  }
  $('device').value = view.device;
  controls.apply(settings);
  controls.openChanged();
}

const isTrace = name => ['qlif', 'lif'].some(model => catalogue.traces[model].some(one => `${model}.${one.name}` === name));

async function copyLink() {
  writeLink();
  let copied = true;
  try {
    await navigator.clipboard.writeText(location.href);
  } catch {
    // Where the page is not at a loopback address, browsers keep the clipboard from it; the old way is still there.
    const field = element('textarea', { value: location.href, className: 'visually-hidden' });
    document.body.append(field);
    field.select();
    copied = document.execCommand('copy');
    field.remove();
  }
  $('copy').textContent = copied ? 'Copied' : 'See the address';
  setTimeout(() => { $('copy').textContent = 'Copy link'; }, 1500);
}

// ---- Downloads.

async function download(kind) {
  writeLink();
  try {
    if (kind === 'png') {
      const heading = `${result.config}, ${result.neurons} × ${result.steps}, seed ${controls.get('seed')}`;
      picture(allPlots, heading).toBlob(blob => files.save('qlif.png', blob), 'image/png');
      return;
    }
    const settings = request();
    const all = [...new Set(Object.values(catalogue.traces).flat().map(({ name }) => name))];
    const whole = await server.run(settings, all);
    files.save(`qlif.${kind}`, kind === 'csv' ? files.csv(whole) : files.json(whole, settings, location.href));
  } catch (refusal) {
    refused(refusal);
  }
}

// ---- Colours.

const dark = matchMedia('(prefers-color-scheme: dark)');

function applyTheme() {
  const chosen = $('theme').value;
  document.documentElement.dataset.theme = chosen === 'auto' ? (dark.matches ? 'dark' : 'light') : chosen;
  readColours();
  for (const plot of allPlots) plot.redraw();
}

/** What a browser remembers of this page; it may be told not to. */
const memory = {
  get: key => { try { return localStorage.getItem(key); } catch { return null; } },
  set: (key, text) => { try { localStorage.setItem(key, text); } catch { /* Then it is as new each time. */ } },
};

function makeActions() {
  $('theme').value = memory.get('qlif-theme') ?? 'auto';
  if (!$('theme').value) $('theme').value = 'auto';
  $('theme').addEventListener('change', () => {
    memory.set('qlif-theme', $('theme').value);
    applyTheme();
  });
  dark.addEventListener('change', applyTheme);
  $('copy').addEventListener('click', copyLink);
  $('download').addEventListener('change', () => {
    const kind = $('download').value;
    $('download').value = '';
    if (kind && result) download(kind);
  });
}

async function start() {
  makeActions();
  applyTheme();
  try {
    catalogue = await server.catalogue();
  } catch (failure) {
    $('problem').hidden = false;
    $('problem').textContent = `The page can't start: ${failure.message}`;
    return;
  }
  controls = new Controls(catalogue, { run: $('run-panels'), qlif: $('qlif-panels'), lif: $('lif-panels') }, changed);
  makePlots();
  makeChoices();
  addEventListener('hashchange', readLink);
  readLink();
}

start();
