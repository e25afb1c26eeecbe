// Evaluated after the prelude. Takes a function that runs a codec's file anew and gives what it defines; gives a
// function (routine, JSON text) to JSON text that calls whichever of the circulating interfaces the codec has: TS013,
// The Things Network v2, ChirpStack v3, global or in module.exports.
// The file runs anew for each call, as it does at network servers: what one frame leaves in its variables must not
// show up in the reading of another device.
(function (run) {
  "use strict";
  var parse = JSON.parse;
  var stringify = JSON.stringify;
  var isView = ArrayBuffer.isView;
  var from = Array.from;
  var keys = Object.keys;
  var scope = globalThis;

  function timed(input) {
    if (input.recvTime !== undefined) input.recvTime = new Date(input.recvTime);
    return input;
  }

  // The functions are called plainly, as a network server's script does: `this` in them is the global object.
  var routines = {
    decodeUplink: function ({ decodeUplink, Decode, Decoder }, input) {
      if (decodeUplink) return decodeUplink(timed(input));
      if (Decode) return { data: Decode(input.fPort, input.bytes, input.variables) };
      if (Decoder) return { data: Decoder(input.bytes, input.fPort) };
      return lacks("decodeUplink, Decode or Decoder");
    },
    // Decodes, and beside it says what the codec's own normalizer makes of that.
    measureUplink: function (codec, input) {
      var result = routines.decodeUplink(codec, input);
      if (!codec.normalizeUplink || !result || !result.data || (result.errors && result.errors.length)) return result;
      var normalizeUplink = codec.normalizeUplink;
      var told = parse(stringify(result));
      try {
        var normalized = normalizeUplink(parse(stringify(result)));
        told.normalized = normalized && normalized.data;
      } catch (problem) {
        told.warnings = from(told.warnings || []).concat("normalizeUplink: " + problem);
      }
      return told;
    },
    encodeDownlink: function ({ encodeDownlink, Encode, Encoder }, input) {
      if (encodeDownlink) return encodeDownlink(input);
      if (Encode) return { bytes: Encode(input.fPort, input.data, input.variables), fPort: input.fPort };
      if (Encoder) return { bytes: Encoder(input.data, input.fPort), fPort: input.fPort };
      return lacks("encodeDownlink, Encode or Encoder");
    },
    decodeDownlink: function ({ decodeDownlink }, input) {
      return decodeDownlink ? decodeDownlink(timed(input)) : lacks("decodeDownlink");
    },
    normalizeUplink: function ({ normalizeUplink }, input) {
      return normalizeUplink ? normalizeUplink(input) : lacks("normalizeUplink");
    },
  };

  function lacks(names) {
    throw new Error("the codec has no " + names);
  }

  function complete(codec, module) {
    var exported = module.exports;
    if (!exported) return codec;
    var inner = exported.default;
    keys(codec).forEach(function (name) {
      if (typeof codec[name] === "function") return;
      if (typeof exported[name] === "function") codec[name] = exported[name].bind(exported);
      else if (inner && typeof inner[name] === "function") codec[name] = inner[name].bind(inner);
      else codec[name] = null;
    });
    return codec;
  }

  return function (routine, text) {
    var module = { exports: {} };
    var result = routines[routine](complete(run(module, module.exports), module), parse(text));
    // Encoders may give a Uint8Array or Buffer, which JSON would write as an object.
    if (result && result.bytes && isView(result.bytes)) result.bytes = from(result.bytes);
    var answer = stringify(result);
    // Variables assigned without a declaration are members of the global object: they go as well.
    var left = keys(scope);
    for (var i = 0; i < left.length; i++) delete scope[left[i]];
    return answer;
  };
});
