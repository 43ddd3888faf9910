// Decoders in plain JavaScript, for the explorer pages: what auxvae_lite.pages.explorer.export writes goes in, pictures come out.
(function () {
  "use strict";
  const AuxVAE = (window.AuxVAE = window.AuxVAE || {});
  AuxVAE.decoders = AuxVAE.decoders || {};

  // ---------------------------------------------------------------- scalings (auxvae_lite.scalings)

  const column = (value, j) => (Array.isArray(value) ? value[j] : value);

  AuxVAE.scale = function (s, x, j) {
    const f = s.kind === "log10" ? Math.log10(x + 1e-10) : s.kind === "asinh" ? Math.asinh(x / s.softening) : x;
    return (f - column(s.offset, j)) / column(s.scale, j);
  };

  function unscale(s, y, j) {
    const f = y * column(s.scale, j) + column(s.offset, j);
    return s.kind === "log10" ? 10 ** f - 1e-10 : s.kind === "asinh" ? s.softening * Math.sinh(f) : f;
  }

  // ---------------------------------------------------------------- the decoder

  function floats(packed) {
    const text = atob(packed.float32), bytes = new Uint8Array(text.length);
    for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
    return new Float32Array(bytes.buffer); // little-endian, as the file and every browser's machine are
  }

  // Weights reordered to (in, kH, kW, out), so that the innermost loop runs over neighbours in memory, and the bias,
  // which a layer has for each channel (out) or for each channel and place (out, H, W), to (H, W, out).
  function prepare(decoder) {
    let H = 1, W = 1;
    decoder.ready = decoder.layers.map((layer) => {
      const [ins, outs, kH, kW] = layer.weight.shape;
      const from = floats(layer.weight), weight = new Float32Array(from.length);
      for (let i = 0; i < ins; i++)
        for (let o = 0; o < outs; o++)
          for (let k = 0; k < kH * kW; k++) weight[(i * kH * kW + k) * outs + o] = from[(i * outs + o) * kH * kW + k];
      const size = (n, k, axis) =>
        (n - 1) * layer.stride[axis] - 2 * layer.padding[axis] + k + layer.output_padding[axis];
      const ready = { ins, outs, kH, kW, H, W, weight, layer };
      [H, W] = [ready.outH, ready.outW] = [size(H, kH, 0), size(W, kW, 1)];
      const given = floats(layer.bias), each = given.length > outs;
      ready.bias = Float32Array.from({ length: H * W * outs }, (_, at) => {
        const o = at % outs, place = (at - o) / outs;
        return given[each ? o * H * W + place : o];
      });
      ready.result = new Float32Array(H * W * outs);
      return ready;
    });
    return decoder.ready;
  }

  // A transposed convolution: every input pixel adds its patch to the output. Images are (H, W, channels).
  function convTranspose(input, r) {
    const { ins, outs, kH, kW, H, W, outH, outW, weight, bias, result, layer } = r;
    result.set(bias);
    for (let y = 0; y < H; y++)
      for (let x = 0; x < W; x++)
        for (let i = 0; i < ins; i++) {
          const value = input[(y * W + x) * ins + i];
          for (let ky = 0; ky < kH; ky++) {
            const Y = y * layer.stride[0] - layer.padding[0] + ky;
            if (Y < 0 || Y >= outH) continue;
            for (let kx = 0; kx < kW; kx++) {
              const X = x * layer.stride[1] - layer.padding[1] + kx;
              if (X < 0 || X >= outW) continue;
              const to = (Y * outW + X) * outs, at = ((i * kH + ky) * kW + kx) * outs;
              for (let o = 0; o < outs; o++) result[to + o] += value * weight[at + o];
            }
          }
        }
    if (layer.activation === "silu") for (let p = 0; p < result.length; p++) result[p] /= 1 + Math.exp(-result[p]);
    return result;
  }

  // Latents (d), in latent units, to an image (H * W * C), in data units; of one pixel the channels are neighbours.
  AuxVAE.decode = function (name, latents) {
    const decoder = AuxVAE.decoders[name];
    const scaled = (decoder.ready || prepare(decoder)).reduce(convTranspose, latents);
    const pixel = decoder.likelihood === "bernoulli" ? (y) => 1 / (1 + Math.exp(-y)) : (y) => y;
    return Float32Array.from(scaled, (y) => unscale(decoder.image_scaling, pixel(y)));
  };

  // ---------------------------------------------------------------- the document

  AuxVAE.element = function (tag, attributes, ...children) {
    const node = document.createElement(tag);
    for (const [key, value] of Object.entries(attributes || {})) {
      if (key === "class") node.className = value;
      else node.setAttribute(key, value);
    }
    node.append(...children);
    return node;
  };
})();
