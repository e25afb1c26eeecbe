// Evaluated after a codec, in its context. Gives a function (routine, JSON text) to JSON text that calls whichever of
// the circulating interfaces the codec has: TS013, The Things Network v2, ChirpStack v3; global or in module.exports.
(function () {
  "use strict";
  var parse = JSON.parse;
  var stringify = JSON.stringify;
  var exported = typeof module === "object" && module ? module.exports : undefined;

  function pick(name, found) {
    if (typeof found === "function") return found;
    if (exported && typeof exported[name] === "function") return exported[name].bind(exported);
    var inner = exported && exported.default;
    return inner && typeof inner[name] === "function" ? inner[name].bind(inner) : null;
  }

  // `typeof` sees a codec's `const` and `let` too, which are no members of the global object.
  var v3 = {
    decodeUplink: pick("decodeUplink", typeof decodeUplink === "undefined" ? null : decodeUplink),
    decodeDownlink: pick("decodeDownlink", typeof decodeDownlink === "undefined" ? null : decodeDownlink),
    encodeDownlink: pick("encodeDownlink", typeof encodeDownlink === "undefined" ? null : encodeDownlink),
    normalizeUplink: pick("normalizeUplink", typeof normalizeUplink === "undefined" ? null : normalizeUplink),
  };
  var decode = pick("Decode", typeof Decode === "undefined" ? null : Decode);
  var decoder = pick("Decoder", typeof Decoder === "undefined" ? null : Decoder);
  var encode = pick("Encode", typeof Encode === "undefined" ? null : Encode);
  var encoder = pick("Encoder", typeof Encoder === "undefined" ? null : Encoder);

  function timed(input) {
    if (input.recvTime !== undefined) input.recvTime = new Date(input.recvTime);
    return input;
  }

  var routines = {
    decodeUplink: v3.decodeUplink
      ? (input) => v3.decodeUplink(timed(input))
      : decode
        ? (input) => ({ data: decode(input.fPort, input.bytes, input.variables) })
        : decoder && ((input) => ({ data: decoder(input.bytes, input.fPort) })),
    encodeDownlink:
      v3.encodeDownlink ||
      (encode
        ? (input) => ({ bytes: encode(input.fPort, input.data, input.variables), fPort: input.fPort })
        : encoder && ((input) => ({ bytes: encoder(input.data, input.fPort), fPort: input.fPort }))),
    decodeDownlink: v3.decodeDownlink && ((input) => v3.decodeDownlink(timed(input))),
    normalizeUplink: v3.normalizeUplink,
  };

  return function (routine, text) {
    var call = routines[routine];
    if (!call) throw new Error("the codec has no " + routine);
    var result = call(parse(text));
    // Encoders may give a Uint8Array or Buffer, which JSON would write as an object.
    if (result && result.bytes && ArrayBuffer.isView(result.bytes)) result.bytes = Array.from(result.bytes);
    return stringify(result);
  };
})();
