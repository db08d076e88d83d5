// SPDX-License-Identifier: Apache-2.0
// The controls, made from the catalogue: each setting has a text, kept only where it differs from its default.

const SHARES = 1000; // positions of a slider that moves by shares of its value

/** An element with properties, attributes (aria-…, for, list-like names with a dash) and children. */
export function element(tag, properties = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name.includes('-') || name === 'for' || name === 'role') made.setAttribute(name, value);
    else made[name] = value;
  }
  made.append(...children);
  return made;
}

const isNumber = text => /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text);

/** Whether two texts mean the same value: 20 is 20.0. */
export const same = (a, b) => a === b || (isNumber(a) && isNumber(b) && Number(a) === Number(b));

/** A number of a slider as text, without the digits that binary fractions bring along. */
const tidy = number => String(Number(number.toPrecision(6)));

class Control {
  constructor(spec, controls) {
    this.spec = spec;
    this.controls = controls;
    this.id = 'c-' + spec.key;
    this.passedOver = false; // by a search
    this.build();
    this.show();
  }

  get key() { return this.spec.key; }

  /** The default, which may depend on another control. */
  get byDefault() {
    return this.spec.when ? this.spec.defaults[this.controls.get(this.spec.when)] ?? this.spec.byDefault : this.spec.byDefault;
  }

  /** Whether the setting counts now. */
  get active() {
    return !this.spec.when || this.controls.get(this.spec.when) in this.spec.defaults;
  }

  build() {
    const { spec } = this;
    const kind = spec.kind;
    const described = `${this.id}-meaning ${this.id}-error`;
    this.back = element('button', { type: 'button', className: 'back', title: 'Back to the default', hidden: true }, '↺');
    this.back.setAttribute('aria-label', `${spec.name}: back to the default`);
    this.back.addEventListener('click', () => this.controls.set(this.key, this.byDefault));
    const name = element('div', { className: 'name' },
      element('label', { for: this.id }, spec.key.includes('.') ? element('code', {}, spec.name) : spec.name), this.back);
    if (kind === 'FLAG') {
      this.field = element('input', { type: 'checkbox', id: this.id, 'aria-describedby': described });
      this.field.addEventListener('change', () => this.controls.set(this.key, String(this.field.checked)));
    } else if (kind === 'CHOICE') {
      this.field = element('select', { id: this.id, 'aria-describedby': described },
        ...spec.choices.map(choice => element('option', { value: choice }, choice)));
      this.field.addEventListener('change', () => this.controls.set(this.key, this.field.value));
    } else {
      this.field = element('input', {
        type: 'text', id: this.id, inputMode: spec.derivable ? 'text' : 'decimal', spellcheck: false, title: spec.expected,
        'aria-describedby': described,
      });
      this.field.addEventListener('change', () => this.controls.set(this.key, this.field.value.trim() || this.byDefault));
    }
    this.root = element('div', { className: 'control' + (kind === 'CHOICE' ? ' wide' : '') }, name, this.field);
    this.root.dataset.key = this.key;
    if (spec.slider) {
      const { from, to, step } = spec.slider;
      this.slider = element('input', {
        type: 'range', min: step ? from : 0, max: step ? to : SHARES, step: step || 1, 'aria-label': `${spec.name}, slider`,
      });
      this.slider.addEventListener('input', () => {
        const at = Number(this.slider.value);
        const value = step ? at : from * (to / from) ** (at / SHARES);
        this.controls.set(this.key, step ? tidy(value) : String(Number(value.toPrecision(3))));
      });
      this.root.append(this.slider);
    }
    this.shownDefault = element('span', { className: 'range' });
    const facts = spec.range ? [element('span', { className: 'range' }, `· ${spec.range}`), ' '] : [];
    this.root.append(element('p', { className: 'meaning', id: `${this.id}-meaning` }, `${spec.meaning} `, ...facts, this.shownDefault));
    this.error = element('p', { className: 'error', id: `${this.id}-error`, hidden: true });
    this.root.append(this.error);
  }

  /** Brings the elements up to the setting; does nothing, for speed, where nothing has changed, unless it must. */
  show(must = false) {
    const text = this.controls.get(this.key);
    const now = [text, this.byDefault, this.active, this.passedOver, this.derived].join();
    if (now === this.shown && !must) return;
    this.shown = now;
    if (this.spec.kind === 'FLAG') this.field.checked = text === 'true';
    else if (this.spec.kind === 'CHOICE') {
      if (!this.spec.choices.includes(text) && ![...this.field.options].some(option => option.value === text)) {
        this.field.append(element('option', { value: text, disabled: true }, text)); // from a link, and about to be refused
      }
      this.field.value = text;
    } else this.field.value = text;
    if (this.slider) {
      const { from, to, step } = this.spec.slider;
      const value = Number(text === 'derived' ? this.derived ?? from : text);
      this.slider.value = step ? value : SHARES * Math.log(Math.max(value, from) / from) / Math.log(to / from);
      this.slider.setAttribute('aria-valuetext', text);
    }
    const changed = !same(text, this.byDefault);
    this.root.classList.toggle('changed', changed);
    this.back.hidden = !changed;
    this.root.hidden = !this.active || this.passedOver;
    this.shownDefault.textContent = `· default ${this.byDefault}`;
  }

  /** Tells what a derived number is. */
  showDerived(value) {
    this.derived = value;
    this.field.title = `${this.spec.expected}, or derived, which is ${Number(value.toPrecision(6))}`;
    this.show();
  }

  refuse(why) {
    this.error.textContent = why ?? '';
    this.error.hidden = !why;
    if (why) this.field.setAttribute('aria-invalid', 'true');
    else this.field.removeAttribute('aria-invalid');
  }
}

export class Controls {
  /** @param changed called after settings have changed */
  constructor(catalogue, places, changed) {
    this.changed = changed;
    this.given = new Map();
    this.byKey = new Map();
    this.panels = [];
    // Specifications first: a control's default may depend on another control.
    this.specs = new Map(catalogue.panels.flatMap(panel => panel.controls.map(spec => [spec.key, spec])));
    for (const panel of catalogue.panels) this.addPanel(panel, places[panel.part]);
  }

  addPanel(panel, place) {
    const count = element('span', { className: 'changed' });
    const options = element('div', { className: 'options' });
    for (const spec of panel.controls) {
      const control = new Control(spec, this);
      if (spec.key === panel.toggle) control.root.classList.add('switch');
      this.byKey.set(spec.key, control);
      options.append(control.root);
    }
    const box = element('details', {}, element('summary', {}, panel.title, count), options);
    box.dataset.panel = panel.id;
    box.open = panel.part === 'run' ? panel.id !== 'modulation' : panel.id === 'qlif-start';
    place.append(box);
    this.panels.push({ panel, box, count, options });
  }

  get(key) {
    const spec = this.specs.get(key);
    if (this.given.has(key)) return this.given.get(key);
    return spec.when ? spec.defaults[this.get(spec.when)] ?? spec.byDefault : spec.byDefault;
  }

  knows(key) { return this.specs.has(key); }

  keys(prefix) { return [...this.specs.keys()].filter(key => key.startsWith(prefix)); }

  set(key, text) { this.apply({ [key]: text }); }

  /** Sets several at once. */
  apply(settings) {
    for (const [key, text] of Object.entries(settings)) {
      this.given.set(key, text);
    }
    // What equals its default need not be given; a default can change with another setting.
    for (const [key, text] of [...this.given]) {
      if (same(text, this.byKey.get(key).byDefault)) this.given.delete(key);
    }
    this.refresh();
    // What was typed may be another text for the same value.
    for (const key of Object.keys(settings)) this.byKey.get(key).show(true);
    this.changed();
  }

  /** Forgets settings, all or those that begin with a prefix, without saying so. */
  forget(prefix = '') {
    for (const key of [...this.given.keys()]) if (key.startsWith(prefix)) this.given.delete(key);
  }

  /** What is given and counts, by key. */
  settings() {
    return Object.fromEntries([...this.given].filter(([key]) => this.byKey.get(key).active));
  }

  refresh() {
    for (const control of this.byKey.values()) control.show();
    for (const { panel, count, options } of this.panels) {
      const changed = panel.controls.filter(spec => this.given.has(spec.key) && this.byKey.get(spec.key).active).length;
      count.textContent = changed ? `${changed} changed` : '';
      const unused = panel.toggle ? this.get(panel.toggle) === 'false' : this.isUnused(panel.id);
      options.classList.toggle('off', unused);
    }
  }

  /** Whether the decision leaves a panel without effect. */
  isUnused(panel) {
    const decision = this.get('qlif.decision');
    return (panel === 'qlif-qubit' && decision !== 'QUBIT') || (panel === 'qlif-sigmoid' && decision !== 'SIGMOID');
  }

  /** Shows refusals at their controls, opens the boxes that they are in, and returns those that have no control. */
  showRefusals(fields) {
    for (const control of this.byKey.values()) control.refuse(fields[control.key]);
    for (const { panel, box } of this.panels) if (panel.controls.some(spec => fields[spec.key])) box.open = true;
    return Object.keys(fields).filter(key => !this.byKey.has(key));
  }

  /** Opens the boxes in which something is changed. */
  openChanged() {
    for (const { panel, box } of this.panels) if (panel.controls.some(spec => this.given.has(spec.key))) box.open = true;
  }

  focus(key) {
    const { root, field } = this.byKey.get(key);
    root.closest('details').open = true;
    field.focus();
    root.scrollIntoView({ block: 'center' });
  }

  showDerived(values) {
    for (const [key, value] of Object.entries(values)) this.byKey.get(key)?.showDerived(value);
  }

  /** Shows only controls whose name, meaning or heading has all words. */
  find(text) {
    const words = text.toLowerCase().split(/\s+/).filter(Boolean);
    for (const { panel, box } of this.panels) {
      if (panel.part === 'run') continue;
      let any = false;
      for (const spec of panel.controls) {
        const within = `${spec.name} ${spec.meaning} ${panel.title}`.toLowerCase();
        const matches = words.every(word => within.includes(word));
        const control = this.byKey.get(spec.key);
        control.passedOver = !matches;
        control.show();
        any ||= matches;
      }
      box.hidden = !any;
      if (words.length && any) box.open = true;
    }
  }
}
