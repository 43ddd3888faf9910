// The explorer pages of dSprites and Cars3D-lite: sliders for what the models were told, and pictures by decoder.js.
// No library, no module, no request. Tests call AuxVAE.sprite and AuxVAE.shapes.
(function () {
  "use strict";
  const AuxVAE = window.AuxVAE;
  const { scale, element } = AuxVAE; // decoder.js
  const SIZE = 64;

  // ---------------------------------------------------------------- sprites (auxvae_lite.simulators.dsprites)

  const ring = (corners) => Array.from({ length: corners }, (_, i) => (2 * Math.PI * i) / corners);
  const OUTLINES = [
    [[-9.598, -9.598], [9.598, -9.598], [9.598, 9.598], [-9.598, 9.598]],
    ring(72).map((a) => [12.775 * Math.cos(a), 7.22 * Math.sin(a)]),
    ring(150).map((a) => [
      0.6 * 16 * Math.sin(a) ** 3,
      -0.66225 * (13 * Math.cos(a) - 5 * Math.cos(2 * a) - 2 * Math.cos(3 * a) - Math.cos(4 * a)) - 1.44,
    ]),
  ];

  // Factors [shape, scale, orientation (rad), posX, posY] to a picture (64 * 64) of zeros and ones.
  AuxVAE.sprite = function ([shape, size, turn, posX, posY]) {
    const cos = Math.cos(turn), sin = Math.sin(turn), image = new Float32Array(SIZE * SIZE);
    const corners = OUTLINES[shape].map(([u, v]) =>
      [16 + 32 * posX + size * (cos * u + sin * v), 16 + 32 * posY + size * (cos * v - sin * u)]);
    for (let row = 0; row < SIZE; row++) {
      const y = row + 0.5, crossings = [];
      corners.forEach(([x0, y0], i) => {
        const [x1, y1] = corners[(i + 1) % corners.length];
        if (y0 > y !== y1 > y) crossings.push(x0 + ((y - y0) * (x1 - x0)) / (y1 - y0));
      });
      for (let x = 0; x < SIZE; x++) image[row * SIZE + x] = crossings.filter((c) => c < x + 0.5).length % 2;
    }
    return image;
  };

  // ---------------------------------------------------------------- the two sets

  const RADIANS = Math.PI / 180;
  const plain = (value, digits) => value.toFixed(digits).replace("-", "\u2212");
  const degrees = (value) => `${Math.round(value)}\u00b0`;
  const SETS = {
    dsprites: {
      picture: "sprite", full: 1,
      choice: { key: "shape", title: "Shape", options: ["square", "ellipse", "heart"] },
      sliders: {
        scale: { low: 0.4, high: 1.1, from: 0.5, to: 1, step: 0.01, text: (v) => plain(v, 2) },
        orientation: { low: 0, high: 360, from: 0, to: 360, step: 3, text: degrees },
        posX: { low: -0.1, high: 1.1, from: 0, to: 1, step: 0.01, text: (v) => plain(v, 2) },
        posY: { low: -0.1, high: 1.1, from: 0, to: 1, step: 0.01, text: (v) => plain(v, 2) },
      },
      read: ([shape, size, turn, posX, posY]) => ({ shape, scale: size, orientation: turn / RADIANS, posX, posY }),
      columns(f) { // a square looks the same four times in a turn, an ellipse twice
        const angle = [4, 2, 1][f.shape] * f.orientation * RADIANS;
        const is = (shape) => (f.shape === shape ? 1 : 0);
        const turned = { orientation_cos: Math.cos(angle), orientation_sin: Math.sin(angle) };
        return { ...f, ...turned, shape_square: is(0), shape_ellipse: is(1), shape_heart: is(2) };
      },
      truth: (f) => AuxVAE.sprite([f.shape, f.scale, f.orientation * RADIANS, f.posX, f.posY]),
      drag: (f, right, down) => ({ posX: f.posX + 2 * right, posY: f.posY + 2 * down }),
      hint: "Drag the picture to move the sprite.",
    },
    cars: {
      picture: "car", full: 255,
      sliders: {
        azimuth: { low: 0, high: 360, from: 0, to: 360, step: 3, text: degrees },
        elevation: { low: 0, high: 46, from: 8, to: 38, step: 1, text: degrees },
        length: { low: 3, high: 5.4, from: 3.4, to: 5, step: 0.05, text: (v) => `${plain(v, 2)} m` },
        height: { low: 1.15, high: 2.05, from: 1.3, to: 1.9, step: 0.01, text: (v) => `${plain(v, 2)} m` },
        cabin: { low: -0.2, high: 1.2, from: 0, to: 1, step: 0.02, text: (v) => plain(v, 2) },
        lightness: { low: 0.2, high: 0.85, from: 0.3, to: 0.75, step: 0.01, text: (v) => plain(v, 2) },
        warmth: { low: -1.3, high: 1.3, from: -1, to: 1, step: 0.05, text: (v) => plain(v, 2) },
      },
      read: ([elevation, azimuth, length, height, cabin, lightness, warmth]) =>
        ({ azimuth, elevation, length, height, cabin, lightness, warmth }),
      columns: (f) =>
        ({ ...f, azimuth_cos: Math.cos(f.azimuth * RADIANS), azimuth_sin: Math.sin(f.azimuth * RADIANS) }),
      drag: (f, right, down) =>
        ({ azimuth: (f.azimuth + 200 * right + 720) % 360, elevation: f.elevation + 40 * down }),
      hint: "Drag the picture to turn the car.",
    },
  };

  // ---------------------------------------------------------------- the page

  function paint(canvas, image, full) {
    const context = canvas.getContext("2d"), data = context.createImageData(SIZE, SIZE);
    const channels = image.length / (SIZE * SIZE);
    for (let p = 0; p < SIZE * SIZE; p++) {
      for (let c = 0; c < 3; c++) data.data[4 * p + c] = (255 * image[p * channels + (channels === 3 ? c : 0)]) / full;
      data.data[4 * p + 3] = 255;
    }
    context.putImageData(data, 0, 0);
  }

  function radios(title, name, options, pick) { // options: value -> text
    const box = element("fieldset", { class: "ax-choice" }, element("legend", {}, title)), inputs = {};
    for (const [value, text] of Object.entries(options)) {
      const input = (inputs[value] = element("input", { type: "radio", name, id: `${name}-${value}`, value }));
      input.addEventListener("change", () => pick(value));
      box.append(input, element("label", { for: input.id }, text));
    }
    return { box, check: (value) => (inputs[value].checked = true) };
  }

  function build(root) {
    const kind = root.dataset.set, set = SETS[kind];
    const models = { [`${kind}-auxvae`]: "Aux-VAE", [`${kind}-betavae`]: "\u03b2-VAE" };
    const starts = AuxVAE.decoders[`${kind}-auxvae`].starts;
    const state = { name: `${kind}-auxvae`, start: 0, active: 0, factors: {}, latents: [] };
    const decoder = () => AuxVAE.decoders[state.name];
    const guided = () => decoder().factors.length;

    const model = radios("Decoder", "ax-decoder", models, (name) => load(name, state.start));
    const start = radios(set.choice ? set.choice.title : "Starts from", "ax-start",
      Object.fromEntries(starts.map((s, i) => [i, s.name])), (i) => choose(Number(i)));
    const reset = element("button", { type: "button", id: "ax-reset" }, "Reset");
    reset.addEventListener("click", () => load(state.name, state.start));
    const picture = (name) => {
      const canvas = element("canvas", { id: `ax-${name}`, width: SIZE, height: SIZE, role: "img" });
      const caption = element("figcaption", {});
      return { canvas, caption, figure: element("figure", {}, caption, canvas) };
    };
    const decoded = picture("decoded"), truth = picture("true");
    const view = element("div", { class: "ax-pictures ax-two" }, decoded.figure);
    if (set.truth) view.append(truth.figure);
    const status = element("p", { class: "ax-status", role: "status", "aria-live": "polite", id: "ax-status" });
    const sliders = element("div", { class: "ax-sliders" }), strip = element("div", { class: "ax-strip" });
    root.replaceChildren(
      element("div", { class: "ax-bar" }, model.box, start.box, element("div", { class: "ax-buttons" }, reset)),
      element("div", { class: "ax-stick" }, view), element("p", { class: "ax-unit" }, set.hint), status, sliders, strip);

    // A factor's slider moves all latents that the factor is told by; a nameless one moves its own.
    function tell() {
      const told = set.columns(state.factors);
      decoder().factors.forEach((f, j) => (state.latents[j] = scale(decoder().factor_scaling, told[f.name], j)));
    }

    let rows = [];
    function slider(key, j) {
      const facts = key && set.sliders[key], [from, to] = facts ? [facts.from, facts.to] : [decoder().low[j], decoder().high[j]];
      const low = facts ? facts.low : Math.min(0, from) - 1, high = facts ? facts.high : Math.max(0, to) + 1;
      const row = { name: key || `z[${j}]`, from, to, text: facts ? facts.text : (v) => plain(v, 2) };
      const id = `ax-slider-${key || j}`;
      const input = element("input", { type: "range", id, min: low, max: high, step: facts ? facts.step : 0.05 });
      const output = element("output", { for: id, "aria-live": "off" });
      const trained = element("span", { class: "ax-trained", "aria-hidden": "true" });
      trained.style.left = `${(100 * (from - low)) / (high - low)}%`;
      trained.style.width = `${(100 * (to - from)) / (high - low)}%`;
      row.get = () => (key ? state.factors[key] : state.latents[j]);
      row.put = (value) => {
        if (key) state.factors[key] = value;
        else state.latents[j] = value;
        if (key) tell();
      };
      row.refresh = () => {
        const outside = row.get() < from - 1e-9 || row.get() > to + 1e-9;
        input.value = row.get();
        output.textContent = row.text(row.get());
        input.setAttribute("aria-valuetext", output.textContent + (outside ? ", outside the training range" : ""));
        row.node.classList.toggle("ax-outside", outside);
        row.node.classList.toggle("ax-active", rows[state.active] === row);
      };
      const act = () => (state.active = rows.indexOf(row));
      input.addEventListener("input", () => { act(); row.put(Number(input.value)); show(); });
      input.addEventListener("focus", () => { act(); show(); });
      row.node = element("div", { class: "ax-slider" }, element("label", { for: id }, row.name), output,
        element("div", { class: "ax-track" }, input, element("div", { class: "ax-rail" }, trained)));
      return row;
    }

    function load(name, index) {
      const other = name !== state.name || !rows.length;
      Object.assign(state, { name, start: index });
      state.latents = [...decoder().starts[index].latents];
      state.factors = set.read(starts[index].factors);
      tell();
      model.check(name);
      start.check(index);
      if (other) {
        state.active = 0;
        const known = guided() ? Object.keys(set.sliders).map((key) => slider(key)) : [];
        const free = Array.from({ length: decoder().latent_dim - guided() }, (_, i) => slider(null, guided() + i));
        rows = [...known, ...free];
        const group = (title, part) => element("fieldset", {}, element("legend", {}, title),
          element("div", { class: "ax-group" }, ...part.map((row) => row.node)));
        sliders.replaceChildren(...(known.length ? [group("Known factors", known), group("Free latents", free)]
          : [group("Latents without names", free)]));
      }
      show();
    }

    // With a shape to choose, the Aux-VAE keeps everything else; a start is another picture.
    function choose(index) {
      if (!set.choice || !guided()) return load(state.name, index);
      state.start = index;
      state.factors[set.choice.key] = index;
      tell();
      show();
    }

    function draw() {
      paint(decoded.canvas, AuxVAE.decode(state.name, state.latents), set.full);
      if (set.truth) paint(truth.canvas, set.truth(state.factors), set.full);
      rows.forEach((row) => row.refresh());
    }

    function describe() {
      const words = rows.filter((row) => set.sliders[row.name]).map((row) => `${row.name} ${row.text(row.get())}`);
      if (set.choice) words.unshift(starts[state.start].name);
      const beyond = rows.filter((row) => row.node.classList.contains("ax-outside")).map((row) => row.name);
      const asked = guided() ? words.join(", ") : `started from: ${starts[state.start].name}`;
      status.textContent = `${models[state.name]}: ${asked}.` +
        (beyond.length ? ` Outside the training range: ${beyond.join(", ")}.` : "");
      decoded.caption.textContent = models[state.name];
      truth.caption.textContent = guided() ? "True" : "Start";
      decoded.canvas.setAttribute("aria-label", `A ${set.picture} decoded by the ${models[state.name]}; ${asked}`);
      truth.canvas.setAttribute("aria-label", `The simulator's ${set.picture}; ${asked}`);
      const row = rows[state.active], kept = row.get(), line = element("div", { class: "ax-line" });
      for (let i = 0; i < 7; i++) {
        const value = row.from + ((row.to - row.from) * i) / 6;
        row.put(value);
        const label = `decoded at ${row.name} ${row.text(value)}`;
        const cell = element("canvas", { width: SIZE, height: SIZE, role: "img", "aria-label": label });
        paint(cell, AuxVAE.decode(state.name, state.latents), set.full);
        line.append(element("div", {}, cell, element("span", {}, row.text(value))));
      }
      row.put(kept);
      strip.replaceChildren(element("h2", {}, `Along ${row.name}`),
        element("p", {}, "The other sliders stay where they are."), line);
    }

    let frame = 0, timer = 0;
    function show() {
      if (!frame) frame = requestAnimationFrame(() => { frame = 0; draw(); });
      clearTimeout(timer);
      timer = setTimeout(describe, 150);
    }

    let held = null;
    decoded.canvas.style.touchAction = "none";
    decoded.canvas.addEventListener("pointerdown", (event) => {
      held = guided() ? [event.clientX, event.clientY] : null;
      decoded.canvas.setPointerCapture(event.pointerId);
    });
    decoded.canvas.addEventListener("pointerup", () => (held = null));
    decoded.canvas.addEventListener("pointermove", (event) => {
      if (!held) return;
      const side = decoded.canvas.clientWidth;
      const moved = set.drag(state.factors, (event.clientX - held[0]) / side, (event.clientY - held[1]) / side);
      for (const [key, value] of Object.entries(moved))
        state.factors[key] = Math.min(Math.max(value, set.sliders[key].low), set.sliders[key].high);
      held = [event.clientX, event.clientY];
      tell();
      show();
    });

    load(state.name, 0);
    draw();
    describe();
    AuxVAE.shapes = { state, load, choose, draw, describe };
  }

  function begin() {
    const root = document.getElementById("shapes");
    if (root && `${root.dataset.set}-auxvae` in AuxVAE.decoders) build(root);
  }
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", begin);
  else begin();
})();
