// The galaxies' explorer page: their simulator in plain JavaScript, and the controls around it and decoder.js.
// No library, no module, no request: the page works from file:// with the network off.
// Tests call AuxVAE.decode, AuxVAE.render, AuxVAE.measure and AuxVAE.explorer.draw.
(function () {
  "use strict";
  const AuxVAE = window.AuxVAE;
  const { scale, element } = AuxVAE; // decoder.js

  // ---------------------------------------------------------------- the simulator (auxvae_lite.simulators.galaxies)

  const SIZE = 33, HALF = 16, PIXEL = 0.2, PERIOD = 96, CUTOFF = 2;
  const M = (PERIOD * CUTOFF) / 2 + 1;
  const K = Float64Array.from({ length: M }, (_, m) => (2 * Math.PI * m) / (PERIOD * PIXEL)); // rad/arcsec
  const waves = [Math.cos, Math.sin].map((wave) => {
    const table = new Float64Array((HALF + 1) * M); // pixels at x >= 0: the image's quadrants mirror each other
    for (let x = 0; x <= HALF; x++)
      for (let m = 0; m < M; m++) {
        const half = (K[m] * PIXEL) / 2;
        const pixel = ((m ? Math.sin(half) / half : 1) / PERIOD) * (m ? 2 : 1);
        table[x * M + m] = wave(x * PIXEL * K[m]) * pixel;
      }
    return table;
  });
  const spectra = [new Float64Array(M * M), new Float64Array(M * M)];
  const half = new Float64Array((HALF + 1) * M);

  // Factors [flux, radius, g1, g2, psf] to expected counts (33 * 33), without noise.
  AuxVAE.render = function ([flux, radius, g1, g2, psf]) {
    const norm = radius ** 2 / (1 - g1 ** 2 - g2 ** 2), sigma = psf / (2 * Math.sqrt(2 * Math.log(2)));
    const a = norm * ((1 + g1) ** 2 + g2 ** 2), b = norm * ((1 - g1) ** 2 + g2 ** 2), c = 4 * norm * g2;
    const blur = K.map((k) => Math.exp(-0.5 * (sigma * k) ** 2));
    for (let y = 0; y < M; y++)
      for (let x = 0; x < M; x++) {
        const along = 1 + a * K[x] ** 2 + b * K[y] ** 2, across = c * K[x] * K[y];
        let plus = 1 / Math.sqrt(along + across), minus = 1 / Math.sqrt(along - across);
        plus *= plus * plus;
        minus *= minus * minus;
        const weight = 0.5 * flux * blur[y] * blur[x];
        spectra[0][y * M + x] = weight * (plus + minus);
        spectra[1][y * M + x] = weight * (plus - minus);
      }
    const image = new Float64Array(SIZE * SIZE);
    for (const [s, spectrum] of spectra.entries()) {
      const wave = waves[s];
      half.fill(0);
      for (let y = 0; y <= HALF; y++)
        for (let m = 0; m < M; m++)
          for (let x = 0, v = wave[y * M + m]; x < M; x++) half[y * M + x] += v * spectrum[m * M + x];
      for (let y = 0; y <= HALF; y++)
        for (let x = 0; x <= HALF; x++) {
          let sum = 0;
          for (let m = 0; m < M; m++) sum += half[y * M + m] * wave[x * M + m];
          const rows = y ? [y, -y] : [0], columns = x ? [x, -x] : [0];
          for (const Y of rows)
            for (const X of columns)
              image[(HALF + Y) * SIZE + HALF + X] += s === 0 ? sum : Y * X > 0 ? -sum : sum; // sines are odd
        }
    }
    return image;
  };

  // ---------------------------------------------------------------- what a picture shows

  const POSITIONS = Array.from({ length: SIZE * SIZE }, (_, i) => {
    const x = ((i % SIZE) - HALF) * PIXEL, y = (Math.floor(i / SIZE) - HALF) * PIXEL;
    return { i, x, y, weight: Math.exp(-0.5 * (x * x + y * y) / 0.8 ** 2) }; // a round window of 0.8 arcsec
  });
  const OUTWARDS = [...POSITIONS].sort((p, q) => p.x ** 2 + p.y ** 2 - q.x ** 2 - q.y ** 2);

  // flux (counts in the picture), radius (arcsec, holds half of them), e1 and e2 (windowed second moments), peak.
  AuxVAE.measure = function (image) {
    let flux = 0, xx = 0, yy = 0, xy = 0, peak = -Infinity;
    for (const { i, x, y, weight } of POSITIONS) {
      flux += image[i];
      xx += weight * image[i] * x * x;
      yy += weight * image[i] * y * y;
      xy += weight * image[i] * x * y;
      peak = Math.max(peak, image[i]);
    }
    let inside = 0, n = 0;
    while (n < OUTWARDS.length && inside + image[OUTWARDS[n].i] < flux / 2) inside += image[OUTWARDS[n++].i];
    const area = n < OUTWARDS.length ? n + (flux / 2 - inside) / image[OUTWARDS[n].i] : n;
    const radius = PIXEL * Math.sqrt(area / Math.PI);
    return { flux, radius, e1: (xx - yy) / (xx + yy), e2: (2 * xy) / (xx + yy), peak };
  };

  // ---------------------------------------------------------------- colours

  const VIRIDIS =
    "440154 48186a 472d7b 424086 3b528b 33638d 2c728e 26828e 21918c " +
    "1fa088 28ae80 3fbc73 5ec962 84d44b addc30 d8e219 fde725";
  const DIVERGING = { // blue to red: white in the middle by day, the page's dark grey by night
    light: "053061 2a71b2 6bacd1 c2ddec f7f6f6 fbccb4 e48066 ba2832 67001f",
    dark: "9eb0ff 5ba4db 2d7597 1a4256 14181e 4a2413 8a4a3b c4776f ffadad",
  };
  const SOFTENING = 20, BRIGHTEST = 20000; // counts; the same curve as the networks' own pixels
  const TICKS = [0, 100, 1000, 10000];
  const brightness = (counts) => Math.asinh(Math.max(counts, 0) / SOFTENING) / Math.asinh(BRIGHTEST / SOFTENING);
  const gradient = (stops) => `linear-gradient(to right, ${stops.split(" ").map((c) => "#" + c).join(", ")})`;

  function table(stops) {
    const colours = stops.split(" ").map((hex) => [0, 2, 4].map((at) => parseInt(hex.slice(at, at + 2), 16)));
    const result = new Uint8ClampedArray(256 * 3);
    for (let i = 0; i < 256; i++) {
      const at = (i / 255) * (colours.length - 1), n = Math.min(Math.floor(at), colours.length - 2);
      for (let c = 0; c < 3; c++) result[i * 3 + c] = colours[n][c] + (at - n) * (colours[n + 1][c] - colours[n][c]);
    }
    return result;
  }
  const TABLES = { viridis: table(VIRIDIS), light: table(DIVERGING.light), dark: table(DIVERGING.dark) };
  const theme = () => (document.documentElement.dataset.theme === "dark" ? "dark" : "light");

  function paint(canvas, image, position, colours) {
    const context = canvas.getContext("2d"), data = context.createImageData(SIZE, SIZE);
    for (let i = 0; i < image.length; i++) {
      const at = 3 * Math.round(255 * Math.min(Math.max(position(image[i]), 0), 1));
      for (let c = 0; c < 3; c++) data.data[4 * i + c] = colours[at + c];
      data.data[4 * i + 3] = 255;
    }
    context.putImageData(data, 0, 0);
  }

  function round125(value) {
    const power = 10 ** Math.floor(Math.log10(value));
    return [1, 2, 5, 10].map((n) => n * power).find((n) => n >= value * 0.999999);
  }

  // ---------------------------------------------------------------- words

  const sign = (text) => text.replace("-", "\u2212");
  const plain = (value, digits) => sign(value.toFixed(digits));
  const signed = (value, digits) => {
    const size = Math.abs(value).toFixed(digits);
    return Number(size) === 0 ? size : (value < 0 ? "\u2212" : "+") + size;
  };
  const counts = (value) => sign(Math.round(value).toLocaleString("en-GB"));
  const three = (value) => counts(Number(value.toPrecision(3)));
  const FACTORS = { // sliders go a little beyond the training range, which the decoder's file holds
    flux: { low: 2000, high: 110000, step: 500, unit: "counts", text: counts, meaning: "light" },
    radius: { low: 0.05, high: 1.15, step: 0.01, unit: "arcsec", text: (v) => plain(v, 2), meaning: "scale radius" },
    g1: { low: -0.6, high: 0.6, step: 0.01, unit: "", text: (v) => signed(v, 2), meaning: "shear along the axes" },
    g2: { low: -0.6, high: 0.6, step: 0.01, unit: "", text: (v) => signed(v, 2), meaning: "shear along the diagonals" },
    psf: { low: 0.15, high: 0.45, step: 0.005, unit: "arcsec", text: (v) => plain(v, 3), meaning: "blur, full width" },
  };
  const ORDER = Object.keys(FACTORS);
  const DECODERS = { // on its button, and in a sentence
    "galaxies-auxvae": ["As in the paper", "Aux-VAE as in the paper"],
    "galaxies-mended": ["Mended", "mended Aux-VAE"],
    "galaxies-betavae": ["\u03b2-VAE", "\u03b2-VAE"],
  };
  const sentence = (m) =>
    `flux ${three(m.flux)} counts, half-light radius ${plain(m.radius, 2)} arcsec, ` +
    `ellipticity (${signed(m.e1, 2)}, ${signed(m.e2, 2)})`;

  // ---------------------------------------------------------------- the page

  function canvas(label) {
    return element("canvas", { width: SIZE, height: SIZE, role: "img", "aria-label": label });
  }

  function build(root) {
    const names = Object.keys(DECODERS).filter((name) => name in AuxVAE.decoders);
    const state = { name: names[0], start: 0, active: 0, latents: null, factors: null };
    const decoder = () => AuxVAE.decoders[state.name];
    const start = () => decoder().starts[state.start];
    const guided = () => decoder().factors.length;
    const withFree = (values) => [...state.latents.slice(0, guided()), ...values];
    const encoded = () => start().latents.slice(guided());
    const zeros = () => encoded().map(() => 0);
    const atZero = () => guided() > 0 && state.latents.slice(guided()).every((z) => z === 0);

    // Another model or galaxy; free latents that are at 0 stay there, so that models can be compared.
    function choose(name, index) {
      const kept = atZero();
      load(name, index);
      if (kept && guided()) state.latents = withFree(zeros());
    }

    // Controls above the pictures.
    const choice = element("fieldset", { class: "ax-choice" }, element("legend", {}, "Model"));
    for (const name of names) {
      const radio = element("input", { type: "radio", name: "ax-decoder", id: `ax-${name}`, value: name });
      radio.checked = name === state.name;
      radio.addEventListener("change", () => choose(name, state.start));
      choice.append(radio, element("label", { for: radio.id }, DECODERS[name][0]));
    }
    const galaxy = element("select", { id: "ax-galaxy" });
    decoder().starts.forEach((s, i) => galaxy.append(element("option", { value: i }, s.name)));
    galaxy.addEventListener("change", () => choose(state.name, Number(galaxy.value)));
    const reset = element("button", { type: "button", id: "ax-reset" }, "Reset");
    reset.addEventListener("click", () => load(state.name, state.start));
    const zero = element("button", { type: "button", id: "ax-zero" });
    zero.addEventListener("click", () => {
      state.latents = withFree(atZero() ? encoded() : zeros());
      show();
    });
    const note = element("p", { class: "ax-note", id: "ax-note" });
    const bar = element("div", { class: "ax-bar" }, choice,
      element("div", { class: "ax-from" }, element("label", { for: "ax-galaxy" }, "Starts from a galaxy"), galaxy),
      element("div", { class: "ax-buttons" }, reset, zero));

    // The three pictures and their legends.
    const pictures = ["decoded", "true", "difference"].map((name) => {
      const picture = canvas(name), caption = element("figcaption", {});
      picture.id = `ax-${name}`;
      return { picture, caption, figure: element("figure", {}, caption, picture) };
    });
    const [decoded, truth, difference] = pictures;
    const light = element("div", { class: "ax-scale" });
    light.style.backgroundImage = gradient(VIRIDIS);
    const ticks = element("div", { class: "ax-ticks", "aria-hidden": "true" });
    for (const value of TICKS) {
      const tick = element("span", {}, counts(value));
      tick.style.left = `${100 * brightness(value)}%`;
      ticks.append(tick);
    }
    const change = element("div", { class: "ax-scale" });
    const ends = element("div", { class: "ax-ends" }, element("span"), element("span", {}, "0"), element("span"));
    const view = element("div", { class: "ax-pictures" }, ...pictures.map((p) => p.figure),
      element("div", { class: "ax-legend ax-light" }, light, ticks),
      element("div", { class: "ax-legend ax-change" }, change, ends));
    const unit = element("p", { class: "ax-unit" },
      "Colours: counts in a pixel, on an asinh scale. A picture is 6.6 arcsec wide.");
    const status = element("p", { class: "ax-status", role: "status", "aria-live": "polite", id: "ax-status" });

    const sliders = element("div", { class: "ax-sliders" });
    const strip = element("div", { class: "ax-strip" });
    const response = element("div", { class: "ax-response" });
    const play = element("div", {}, bar, note, element("div", { class: "ax-stick" }, view), unit, status, sliders);
    root.replaceChildren(play, strip, response);

    // One slider per latent: the known factors in their own units, the others in latent units.
    let rows = [];

    function slider(j) {
      const factor = decoder().factors[j], id = `ax-slider-${j}`;
      const facts = factor && FACTORS[factor.name];
      const low = factor ? facts.low : Math.min(0, decoder().low[j]) - 1;
      const high = factor ? facts.high : Math.max(0, decoder().high[j]) + 1;
      const input = element("input", { type: "range", id, min: low, max: high, step: factor ? facts.step : 0.05 });
      const name = factor ? factor.name : `z[${j}]`;
      const label = element("label", { for: id }, name);
      if (factor) label.append(element("small", {}, ` ${facts.meaning}`));
      const output = element("output", { for: id, id: `${id}-value`, "aria-live": "off" }); // the slider says it itself
      const span = (value) => (100 * (value - low)) / (high - low);
      const trained = element("span", { class: "ax-trained", "aria-hidden": "true" });
      const [from, to] = factor ? [factor.low, factor.high] : [decoder().low[j], decoder().high[j]];
      trained.style.left = `${span(from)}%`;
      trained.style.width = `${span(to) - span(from)}%`;
      const row = { j, name, input, from, to, low, high, factor };
      row.get = () => (factor ? state.factors[factor.name] : state.latents[j]);
      row.put = (value) => {
        if (factor) state.factors[factor.name] = value;
        state.latents[j] = factor ? scale(decoder().factor_scaling, value, j) : value;
      };
      row.text = (value) => (factor ? `${facts.text(value)}${facts.unit && " " + facts.unit}` : plain(value, 2));
      row.refresh = () => {
        const outside = row.get() < from - 1e-9 || row.get() > to + 1e-9, text = row.text(row.get());
        input.value = row.get();
        output.textContent = text;
        input.setAttribute("aria-valuetext", text + (outside ? ", outside the training range" : ""));
        node.classList.toggle("ax-outside", outside);
        node.classList.toggle("ax-active", state.active === j);
      };
      input.addEventListener("input", () => {
        row.put(Number(input.value));
        state.active = j;
        show();
      });
      input.addEventListener("focus", () => {
        state.active = j;
        rows.forEach((other) => other.refresh());
        later();
      });
      const node = element("div", { class: "ax-slider" }, label, output,
        element("div", { class: "ax-track" }, input, element("div", { class: "ax-rail" }, trained)));
      return Object.assign(row, { node });
    }

    function load(name, index) {
      const other = name !== state.name || !rows.length;
      Object.assign(state, { name, start: index, active: other ? 0 : state.active });
      state.latents = [...start().latents];
      state.factors = Object.fromEntries(ORDER.map((key, i) => [key, start().factors[i]]));
      decoder().factors.forEach((f, j) => {
        state.latents[j] = scale(decoder().factor_scaling, state.factors[f.name], j);
      });
      galaxy.value = index;
      zero.hidden = !guided();
      if (other) {
        rows = Array.from({ length: decoder().latent_dim }, (_, j) => slider(j));
        const group = (title, part) => element("fieldset", {}, element("legend", {}, title),
          element("div", { class: "ax-group" }, ...part.map((row) => row.node)));
        const parts = guided()
          ? [group("Known factors", rows.slice(0, guided())), group("Free latents", rows.slice(guided()))]
          : [group("Latents without names", rows)];
        sliders.replaceChildren(...parts);
      }
      show();
    }

    // One frame: decode, simulate, draw.
    function draw() {
      const image = AuxVAE.decode(state.name, state.latents);
      const clean = AuxVAE.render(ORDER.map((key) => state.factors[key]));
      const residual = image.map((value, i) => value - clean[i]);
      const largest = residual.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
      const span = round125(Math.max(largest, 20));
      paint(decoded.picture, image, brightness, TABLES.viridis);
      paint(truth.picture, clean, brightness, TABLES.viridis);
      paint(difference.picture, residual, (value) => 0.5 + value / span / 2, TABLES[theme()]);
      Object.assign(state, { image, clean, largest, span });
      rows.forEach((row) => row.refresh());
      zero.textContent = atZero() ? "Free latents as encoded" : "Free latents to 0";
      ends.firstChild.textContent = `\u2212${counts(span)}`;
      ends.lastChild.textContent = `+${counts(span)}`;
    }

    // Words, the strip and the table follow when the hand rests: a screen reader would choke on sixty a second.
    function describe() {
      const found = AuxVAE.measure(state.image), real = AuxVAE.measure(state.clean);
      const share = (100 * state.largest) / real.peak;
      const which = guided() ? "True" : "Start";
      const off = `Largest difference: ${three(state.largest)} counts, ` +
        `${share < 1 ? "below 1" : three(share)} % of the ${guided() ? "true" : "starting"} peak.`;
      const beyond = rows.filter((row) => row.node.classList.contains("ax-outside")).map((row) => row.name);
      status.textContent =
        `Decoded: ${sentence(found)}. ${which}: ${sentence(real)}. ${off}` +
        (beyond.length ? ` Outside the training range: ${beyond.join(", ")}.` : "");
      decoded.caption.textContent = "Decoded";
      truth.caption.textContent = which;
      difference.caption.textContent = "Difference";
      decoded.picture.setAttribute("aria-label", `Decoded by the ${DECODERS[state.name][1]}: ${sentence(found)}`);
      truth.picture.setAttribute("aria-label",
        `${guided() ? "The simulator's picture of these factors" : "The galaxy it started from"}: ${sentence(real)}`);
      difference.picture.setAttribute("aria-label", `Decoded minus ${guided() ? "true" : "start"}. ${off}`);
    }

    // What to look for when all free latents go to 0, with the fluxes of both pictures for the factors as they stand.
    function compare() {
      const flux = (image) => three(AuxVAE.measure(image).flux);
      const [before, after] = [encoded(), zeros()].map((values) => flux(AuxVAE.decode(state.name, withFree(values))));
      note.textContent = guided()
        ? "\u201cFree latents to 0\u201d leaves the known factors as they are. Look whether the decoded picture is " +
          `still a galaxy. Its flux in counts: ${before} with the free latents as encoded, ${after} with all of them ` +
          `at 0; true ${flux(state.clean)}.`
        : `This model was told no factors. All of its ${decoder().latent_dim} latents are free.`;
    }

    function drawStrip() {
      const row = rows[state.active], values = [];
      for (let i = 0; i < 7; i++) values.push(row.from + ((row.to - row.from) * i) / 6);
      const line = element("div", { class: "ax-line" });
      const kept = row.get();
      for (const value of values) {
        row.put(value);
        const cell = element("div", {}, canvas(`decoded at ${row.name} ${row.text(value)}`));
        paint(cell.lastChild, AuxVAE.decode(state.name, state.latents), brightness, TABLES.viridis);
        if (row.factor) {
          cell.append(canvas(`true at ${row.name} ${row.text(value)}`));
          paint(cell.lastChild, AuxVAE.render(ORDER.map((key) => state.factors[key])), brightness, TABLES.viridis);
        }
        cell.append(element("span", {}, row.text(value).split(" ")[0]));
        line.append(cell);
      }
      row.put(kept);
      const unitText = row.factor && FACTORS[row.name].unit ? ` (${FACTORS[row.name].unit})` : "";
      strip.replaceChildren(
        element("h2", {}, `Along ${row.name}${unitText}`),
        element("p", {}, row.factor
          ? "Above decoded, below true. The other sliders stay where they are."
          : "The other sliders stay where they are."),
        line);
    }

    const MEASURES = [
      { key: "flux", title: "flux", relative: true, full: 30 },
      { key: "radius", title: "size", relative: true, full: 20 },
      { key: "peak", title: "peak", relative: true, full: 40 },
      { key: "e1", title: "e1", full: 0.12 },
      { key: "e2", title: "e2", full: 0.12 },
    ];

    function drawResponse() {
      const head = element("tr", {}, element("th", { scope: "col" }, "slider"));
      MEASURES.forEach((m) => head.append(element("th", { scope: "col" }, m.title)));
      const body = element("tbody");
      const now = AuxVAE.measure(state.image);
      rows.forEach((row, j) => {
        const [down, up] = [-0.25, 0.25].map((step) => {
          const moved = state.latents.slice();
          moved[j] += step;
          return AuxVAE.measure(AuxVAE.decode(state.name, moved));
        });
        const line = element("tr", {}, element("th", { scope: "row" }, row.name));
        line.classList.toggle("ax-active", j === state.active);
        for (const m of MEASURES) {
          const delta = m.relative ? (100 * (up[m.key] - down[m.key])) / now[m.key] : up[m.key] - down[m.key];
          const strength = Math.min(Math.abs(delta) / m.full, 1);
          const cell = element("td", {}, m.relative ? `${signed(delta, 0)} %` : signed(delta, 2));
          const colour = delta > 0 ? "230, 120, 30" : "40, 120, 210";
          cell.style.backgroundColor = `rgba(${colour}, ${(0.65 * strength).toFixed(2)})`;
          line.append(cell);
        }
        body.append(line);
      });
      response.replaceChildren(
        element("h2", {}, "What each latent moves"),
        element("p", {}, "Each latent alone goes up by 0.5, from a quarter below where it stands to a quarter above, " +
          "and the decoded picture is measured. Size is the half-light radius, peak the brightest pixel, " +
          "e1 and e2 the ellipticity."),
        element("table", { class: "ax-table" }, element("thead", {}, head), body));
    }

    let frame = 0, timer = 0;
    function later() {
      clearTimeout(timer);
      timer = setTimeout(() => { drawStrip(); drawResponse(); describe(); compare(); }, 150);
    }
    function show() {
      if (!frame) frame = requestAnimationFrame(() => { frame = 0; draw(); });
      later();
    }
    const colours = () => {
      change.style.backgroundImage = gradient(DIVERGING[theme()]);
      if (state.image) draw();
    };
    new MutationObserver(colours).observe(document.documentElement, { attributeFilter: ["data-theme"] });

    load(state.name, 0);
    draw();
    drawStrip();
    drawResponse();
    describe();
    compare();
    colours();
    AuxVAE.explorer = { state, draw, load, strip: drawStrip, response: drawResponse };
  }

  function begin() {
    const root = document.getElementById("explorer");
    if (root && Object.keys(DECODERS).some((name) => name in AuxVAE.decoders)) build(root);
  }
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", begin);
  else begin();
})();
