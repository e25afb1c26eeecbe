// Evaluated after a codec, in its context. Gives a function from JSON text to JSON text that calls whichever of the
// three circulating interfaces the codec has: TS013, The Things Network v2, ChirpStack v3.
(function () {
  "use strict";
  var parse = JSON.parse;
  var stringify = JSON.stringify;
  var call;
  if (typeof decodeUplink === "function") {
    call = function (input) {
      return decodeUplink({
        bytes: input.bytes,
        fPort: input.fPort,
        recvTime: new Date(input.recvTime),
        variables: input.variables,
      });
    };
  } else if (typeof Decode === "function") {
    call = function (input) {
      return { data: Decode(input.fPort, input.bytes, input.variables) };
    };
  } else if (typeof Decoder === "function") {
    call = function (input) {
      return { data: Decoder(input.bytes, input.fPort) };
    };
  } else {
    throw new Error("the codec has none of decodeUplink, Decode and Decoder");
  }
  return function (text) {
    return stringify(call(parse(text)));
  };
})();
