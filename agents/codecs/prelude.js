// Evaluated before a codec, in its context: what The Things Stack, ChirpStack and browsers offer to codecs beside the
// language itself, and vendors' files therefore use. Nothing here reaches outside of the context.
(function (scope) {
  "use strict";
  var DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

  function define(name, value) {
    // Configurable and writable, so that a codec may declare a name of its own.
    Object.defineProperty(scope, name, { value: value, configurable: true, writable: true, enumerable: false });
  }

  function toBase64(bytes) {
    var text = "";
    for (var i = 0; i < bytes.length; i += 3) {
      var three = (bytes[i] << 16) | ((bytes[i + 1] || 0) << 8) | (bytes[i + 2] || 0);
      text += DIGITS[three >> 18] + DIGITS[(three >> 12) & 63];
      text += i + 1 < bytes.length ? DIGITS[(three >> 6) & 63] : "=";
      text += i + 2 < bytes.length ? DIGITS[three & 63] : "=";
    }
    return text;
  }

  function fromBase64(text) {
    var bytes = [];
    var held = 0;
    var bits = 0;
    for (var i = 0; i < text.length; i++) {
      var digit = DIGITS.indexOf(text[i] === "-" ? "+" : text[i] === "_" ? "/" : text[i]);
      if (digit < 0) continue; // padding and line breaks
      held = ((held << 6) | digit) & 0xffffff;
      bits += 6;
      if (bits >= 8) {
        bits -= 8;
        bytes.push((held >> bits) & 255);
      }
    }
    return bytes;
  }

  function toUtf8(text) {
    var escaped = encodeURIComponent(String(text).toWellFormed());
    var bytes = [];
    for (var i = 0; i < escaped.length; i++) {
      if (escaped[i] === "%") {
        bytes.push(parseInt(escaped.substr(i + 1, 2), 16));
        i += 2;
      } else bytes.push(escaped.charCodeAt(i));
    }
    return bytes;
  }

  function fromUtf8(bytes) {
    var text = "";
    for (var i = 0; i < bytes.length; ) {
      var first = bytes[i];
      var more = first < 0x80 ? 0 : first >= 0xc2 && first < 0xe0 ? 1 : (first & 0xf0) === 0xe0 ? 2 : 3;
      if (more === 3 && (first < 0xf0 || first > 0xf4)) more = -1;
      var code = more < 0 ? -1 : more === 0 ? first : first & (0x3f >> more);
      for (var k = 1; k <= more && code >= 0; k++) {
        code = (bytes[i + k] & 0xc0) === 0x80 ? code * 64 + (bytes[i + k] & 0x3f) : -1;
      }
      var valid = code >= 0 && code <= 0x10ffff && !(code >= 0xd800 && code < 0xe000);
      text += valid ? String.fromCodePoint(code) : "\ufffd";
      i += valid ? more + 1 : 1;
    }
    return text;
  }

  function fromHex(text) {
    var bytes = [];
    for (var i = 0; i + 1 < text.length; i += 2) {
      var value = parseInt(text.substr(i, 2), 16);
      if (isNaN(value)) break;
      bytes.push(value);
    }
    return bytes;
  }

  function characters(text) {
    return Array.from(text, function (each) {
      return each.charCodeAt(0) & 255;
    });
  }

  function textIn(bytes, encoding) {
    var name = String(encoding || "utf8").toLowerCase();
    if (name === "hex") return Array.from(bytes, (each) => each.toString(16).padStart(2, "0")).join("");
    if (name === "base64") return toBase64(bytes);
    if (name === "base64url") return toBase64(bytes).replace(/[+]/g, "-").replace(/[/]/g, "_").replace(/=/g, "");
    if (name === "ascii") return Array.from(bytes, (each) => String.fromCharCode(each & 127)).join("");
    if (name === "latin1" || name === "binary") return Array.from(bytes, (each) => String.fromCharCode(each)).join("");
    return fromUtf8(bytes);
  }

  function bytesOf(text, encoding) {
    var name = String(encoding || "utf8").toLowerCase();
    if (name === "hex") return fromHex(text);
    if (name === "base64" || name === "base64url") return fromBase64(text);
    if (name === "ascii" || name === "latin1" || name === "binary") return characters(text);
    return toUtf8(text);
  }

  // Node's Buffer, as far as codecs use it.
  class Buffer extends Uint8Array {
    static from(value, encoding, length) {
      if (typeof value === "string") return new Buffer(bytesOf(value, encoding));
      if (value instanceof ArrayBuffer) return new Buffer(value, encoding, length);
      return new Buffer(value && value.type === "Buffer" ? value.data : value);
    }
    static alloc(size, fill) {
      return new Buffer(size).fill(fill || 0);
    }
    static allocUnsafe(size) {
      return new Buffer(size);
    }
    static isBuffer(value) {
      return value instanceof Buffer;
    }
    static byteLength(text, encoding) {
      return typeof text === "string" ? bytesOf(text, encoding).length : text.byteLength;
    }
    static concat(list) {
      return new Buffer([].concat.apply([], Array.from(list, (each) => Array.from(each))));
    }
    toString(encoding, start, end) {
      return textIn(start === undefined && end === undefined ? this : this.subarray(start, end), encoding);
    }
    toJSON() {
      return { type: "Buffer", data: Array.from(this) };
    }
    slice(start, end) {
      return this.subarray(start, end);
    }
    equals(other) {
      return this.length === other.length && this.every((each, i) => each === other[i]);
    }
    copy(target, targetStart, start, end) {
      var part = this.subarray(start || 0, end === undefined ? this.length : end);
      target.set(part.subarray(0, target.length - (targetStart || 0)), targetStart || 0);
      return part.length;
    }
    write(text, offset) {
      var bytes = bytesOf(text).slice(0, this.length - (offset || 0));
      this.set(bytes, offset || 0);
      return bytes.length;
    }
    readUIntBE(offset, length) {
      within(this, offset, length);
      for (var value = 0, i = 0; i < length; i++) value = value * 256 + this[offset + i];
      return value;
    }
    readUIntLE(offset, length) {
      within(this, offset, length);
      for (var value = 0, i = length - 1; i >= 0; i--) value = value * 256 + this[offset + i];
      return value;
    }
    readIntBE(offset, length) {
      return signed(this.readUIntBE(offset, length), length);
    }
    readIntLE(offset, length) {
      return signed(this.readUIntLE(offset, length), length);
    }
    writeUIntBE(value, offset, length) {
      within(this, offset, length);
      for (var i = length - 1; i >= 0; i--, value = Math.floor(value / 256)) this[offset + i] = value & 255;
      return offset + length;
    }
    writeUIntLE(value, offset, length) {
      within(this, offset, length);
      for (var i = 0; i < length; i++, value = Math.floor(value / 256)) this[offset + i] = value & 255;
      return offset + length;
    }
  }

  function within(buffer, offset, length) {
    if (!(offset >= 0 && offset + length <= buffer.length)) throw new RangeError("offset is outside of the buffer");
  }

  function signed(value, length) {
    var all = Math.pow(2, 8 * length);
    return value >= all / 2 ? value - all : value;
  }

  function addAccessors(name, kind, size) {
    ["LE", "BE"].forEach(function (order) {
      var ending = size === 1 ? "" : order;
      Buffer.prototype["read" + name + ending] = function (offset) {
        return new DataView(this.buffer, this.byteOffset, this.length)["get" + kind](offset || 0, order === "LE");
      };
      Buffer.prototype["write" + name + ending] = function (value, offset) {
        new DataView(this.buffer, this.byteOffset, this.length)["set" + kind](offset || 0, value, order === "LE");
        return (offset || 0) + size;
      };
    });
  }

  [8, 16, 32].forEach(function (bits) {
    addAccessors("Int" + bits, "Int" + bits, bits / 8);
    addAccessors("UInt" + bits, "Uint" + bits, bits / 8);
    addAccessors("Uint" + bits, "Uint" + bits, bits / 8);
  });
  addAccessors("Float", "Float32", 4);
  addAccessors("Double", "Float64", 8);
  addAccessors("BigInt64", "BigInt64", 8);
  addAccessors("BigUInt64", "BigUint64", 8);

  // As other engines write dates where no locale is set: 7/6/2025, 2:05:09 PM.
  ["toLocaleString", "toLocaleDateString", "toLocaleTimeString"].forEach(function (name) {
    var padded = Date.prototype[name];
    Date.prototype[name] = function () {
      return padded.call(this).replace(/(^|[/]|, )0(?=\d)/g, "$1");
    };
  });

  function silent() {}

  define("Buffer", Buffer);
  define("console", { log: silent, info: silent, warn: silent, error: silent, debug: silent, trace: silent });
  define("print", silent);
  define("btoa", (text) => toBase64(characters(String(text))));
  define("atob", (text) => String.fromCharCode.apply(null, fromBase64(String(text))));
  define("TextEncoder", class TextEncoder {
    encode(text) {
      return new Uint8Array(toUtf8(text === undefined ? "" : text));
    }
  });
  define("TextDecoder", class TextDecoder {
    decode(bytes) {
      return fromUtf8(new Uint8Array(bytes && bytes.buffer ? bytes : bytes || []));
    }
  });
  define("require", function (name) {
    if (name === "buffer" || name === "node:buffer") return { Buffer: Buffer };
    throw new Error("a codec can load no other module: " + name);
  });
})(globalThis);
