"use strict";
// The live page: reads the NGSI-LD API of its own origin and draws what it finds there. Nothing else is needed, and
// nothing is known in advance about the territory: outlines and points come from the entities' `location`.

const POLL_MS = 5000;
const MAX_ENTITIES = 1000; // the largest page the API gives
const MAX_TYPES = 30;
const NEWS_LINES = 12;
const NARROW = 600; // CSS pixels; below, marks are smaller
const API = "/ngsi-ld/v1";

const TEXTS = {
  fr: {
    live: (n, t) => `En direct · ${n} objets · ${t}`, lost: "La plateforme ne répond pas ; nouvel essai…", connecting: "Connexion…",
    idle: "En direct · aucune donnée", more: (n) => `les ${n} premiers`, objects: "objets", at: "vu à", attention: "à surveiller",
    inactive: "éteint ou libre", mapLabel: (n, a) => `Carte de ${n} objets dans ${a} communes`, alertCount: (n) => `${n} à surveiller`,
    names: {
      fillingLevel: "Remplissage", temperature: "Température", status: "État", powerState: "Lampe", illuminanceLevel: "Intensité",
      powerConsumption: "Puissance", waterConsumption: "Index", no2: "NO₂", pm10: "PM10", pm25: "PM2,5", co2: "CO₂",
      relativeHumidity: "Humidité", pressure: "Pression", totalActivePower: "Puissance", totalActiveEnergyImport: "Énergie",
      current: "Courant", voltage: "Tension", phaseVoltage: "Tension", batteryLevel: "Pile", batteryVoltage: "Pile", activePower: "Puissance",
    },
    words: { free: "libre", occupied: "occupée", on: "allumée", off: "éteinte", low: "tamisée", ok: "en ordre", closed: "fermée", unknown: "inconnu" },
  },
  en: {
    skip: "Go to the latest values", lead: "A territory's sensors speak; this platform understands them, keeps their latest state and tells whoever wants to know.",
    step1: "A sensor measures", step1more: "bin, street light, parking place, meter, air station",
    step2: "A few bytes arrive", step2more: "over LoRaWAN radio or MQTT",
    step3: "The platform translates", step3more: "into an open, shared data model",
    step4: "Anyone can use it", step4more: "map, alert, application, through one API",
    emptyTitle: "Nothing here yet", emptyText: "The platform is running and waits for its first sensors. To see a territory live:",
    emptyCreate: "Or create a first entity:", mapTitle: "The map, live",
    mapHint: "Touch a point, or walk the map with the arrow keys, to see its values. Outlines are schematic.",
    servicesTitle: "Latest values, by service", newsTitle: "Just now", useTitle: "Use it", useRead: "Read the present state:",
    useSubscribe: "Be told of every change (put your own address):",
    useStandard: "The API is NGSI-LD, a European standard (ETSI GS CIM 009): what is written for it works elsewhere.", useDocs: "All operations",
    live: (n, t) => `Live · ${n} things · ${t}`, lost: "The platform does not answer; trying again…", connecting: "Connecting…",
    idle: "Live · no data", more: (n) => `the first ${n}`, objects: "things", at: "seen at", attention: "needs attention",
    inactive: "off or free", mapLabel: (n, a) => `Map of ${n} things in ${a} communes`, alertCount: (n) => `${n} need attention`,
    names: {
      fillingLevel: "Filling level", temperature: "Temperature", status: "Status", powerState: "Lamp", illuminanceLevel: "Dimming",
      powerConsumption: "Power", waterConsumption: "Index", no2: "NO₂", pm10: "PM10", pm25: "PM2.5", co2: "CO₂",
      relativeHumidity: "Humidity", pressure: "Pressure", totalActivePower: "Power", totalActiveEnergyImport: "Energy",
      current: "Current", voltage: "Voltage", phaseVoltage: "Voltage", batteryLevel: "Battery", batteryVoltage: "Battery", activePower: "Power",
    },
    words: {},
  },
};
const LANGUAGE = (navigator.languages || [navigator.language]).some((tag) => /^fr/i.test(tag)) ? "fr" : "en";
const T = TEXTS[LANGUAGE];
const number = (value, digits = 0) => new Intl.NumberFormat(LANGUAGE, { maximumFractionDigits: digits }).format(value);
const percent = (value) => `${number(value * 100)} %`;
const clock = (date) => new Intl.DateTimeFormat(LANGUAGE, { hour: "2-digit", minute: "2-digit", second: "2-digit", hour12: false }).format(date);

const UNITS = {
  fillingLevel: percent, illuminanceLevel: percent, relativeHumidity: percent, batteryLevel: percent,
  temperature: (v) => `${number(v, 1)} °C`, no2: (v) => `${number(v)} µg/m³`, pm10: (v) => `${number(v)} µg/m³`, pm25: (v) => `${number(v)} µg/m³`,
  co2: (v) => `${number(v)} ppm`, powerConsumption: (v) => `${number(v)} W`, totalActivePower: (v) => `${number(v / 1000, 2)} kW`,
  totalActiveEnergyImport: (v) => `${number(v, 1)} kWh`, waterConsumption: (v) => `${number(v / 1000, 3)} m³`,
  pressure: (v) => `${number(v)} hPa`, batteryVoltage: (v) => `${number(v, 2)} V`, voltage: (v) => `${number(v)} V`,
};

// Each service: how it is called, drawn and summed up. `main` is the attribute that says most.
const SERVICES = {
  WasteContainer: {
    key: "waste", shape: "square", fr: "Déchets", en: "Waste", main: "fillingLevel",
    what: { fr: "Chaque bac dit combien il est plein : on ne vide que ce qui doit l’être.", en: "Each bin says how full it is: only what needs emptying is emptied." },
    alert: (e) => e.fillingLevel >= 0.8,
    figure: (list) => share(mean(list, "fillingLevel"), { fr: "de remplissage moyen", en: "average filling" }),
  },
  Streetlight: {
    key: "light", shape: "star", fr: "Éclairage public", en: "Street lighting", main: "powerState",
    what: { fr: "Chaque lampadaire dit s’il éclaire, et à quelle intensité.", en: "Each lamp says whether it burns, and how brightly." },
    alert: (e) => typeof e.status === "string" && e.status !== "ok", quiet: (e) => e.powerState === "off",
    figure: (list) => share(portion(list, (e) => e.powerState === "on" || e.powerState === "low"), { fr: "des lampes allumées", en: "of the lamps are on" }),
  },
  ParkingSpot: {
    key: "parking", shape: "diamond", fr: "Stationnement", en: "Parking", main: "status",
    what: { fr: "Un capteur au sol sait si la place est prise.", en: "A sensor in the ground knows whether the place is taken." },
    quiet: (e) => e.status === "free",
    figure: (list) => ({ text: number(list.filter((e) => e.status === "free").length), note: { fr: `places libres sur ${list.length}`, en: `free places of ${list.length}` }[LANGUAGE], bar: portion(list, (e) => e.status === "occupied") }),
  },
  WaterConsumptionObserved: {
    key: "water", shape: "drop", fr: "Eau", en: "Water", main: "waterConsumption",
    what: { fr: "Les compteurs envoient leur index : une fuite se voit le jour même.", en: "Meters send their index: a leak shows the same day." },
    alert: (e) => e.alarmInProgress === 1,
    figure: (list) => {
      const litres = list.reduce((sum, e) => sum + Math.max(0, (e.waterConsumption ?? 0) - (firstIndex.get(e.id) ?? e.waterConsumption ?? 0)), 0);
      return { text: `${number(litres)} L`, note: { fr: "depuis l’ouverture de cette page", en: "since you opened this page" }[LANGUAGE] };
    },
  },
  AirQualityObserved: {
    key: "air", shape: "circle", fr: "Qualité de l’air", en: "Air quality", main: ["no2", "co2", "pm25"],
    what: { fr: "Les stations mesurent gaz et particules que nous respirons.", en: "Stations measure the gases and particles that we breathe." },
    alert: (e) => e.no2 >= 100 || e.pm25 >= 35 || e.pm10 >= 50 || e.co2 >= 1000,
    figure: (list) => {
      const name = ["no2", "pm25", "co2"].find((candidate) => list.some((e) => typeof e[candidate] === "number"));
      return name ? { text: UNITS[name](mean(list, name)), note: { fr: `de ${T.names[name]} en moyenne`, en: `of ${T.names[name]} on average` }[LANGUAGE] } : null;
    },
  },
  ThreePhaseAcMeasurement: {
    key: "power", shape: "triangle", fr: "Électricité", en: "Electricity", main: ["totalActivePower", "totalActiveEnergyImport", "current"],
    what: { fr: "La consommation des bâtiments publics, minute par minute.", en: "What public buildings draw, minute by minute." },
    figure: (list) => {
      const watts = list.filter((e) => typeof e.totalActivePower === "number").reduce((sum, e) => sum + e.totalActivePower, 0);
      return { text: `${number(watts / 1000, 1)} kW`, note: { fr: "appelés en ce moment", en: "drawn at this moment" }[LANGUAGE] };
    },
  },
};
SERVICES.ACMeasurement = SERVICES.ThreePhaseAcMeasurement;
const OTHER = { key: "other", shape: "circle", main: [], what: null, figure: () => null };

const ENTITY_MEMBERS = new Set(["id", "type", "location", "name", "address", "scope", "createdAt", "modifiedAt", "observedAt", "@context", "description",
  "dateObserved", "category", "refParkingSite", "refDevice", "operationSpace", "observationSpace", "timeInstant", "dateLastValueReported"]);

const $ = (id) => document.getElementById(id);
const state = { entities: [], seen: new Map(), hidden: new Set(), chosen: null, order: [], marks: new Map(), outline: "", timer: 0 };
const firstIndex = new Map();

function element(name, attributes = {}, ...children) {
  const svg = ["svg", "g", "path", "circle", "text", "title"].includes(name);
  const node = svg ? document.createElementNS("http://www.w3.org/2000/svg", name) : document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  node.append(...children);
  return node;
}

const shortName = (iri) => String(iri).replace(/^.*[/#]/, "");
const mean = (list, name) => { const known = list.map((e) => e[name]).filter((v) => typeof v === "number"); return known.length ? known.reduce((a, b) => a + b, 0) / known.length : null; };
const portion = (list, test) => (list.length ? list.filter(test).length / list.length : 0);
const share = (value, note) => (value === null ? null : { text: percent(value), note: note[LANGUAGE], bar: value });
const serviceOf = (entity) => SERVICES[entity.type] || OTHER;
const serviceName = (type) => (SERVICES[type] ? SERVICES[type][LANGUAGE] : type);

// Names come compacted or as whole IRIs, depending on the context: here only their last part matters.
function plain(document) {
  const entity = {};
  for (const [key, value] of Object.entries(document)) entity[shortName(key)] = value !== null && typeof value === "object" && "@value" in value ? value["@value"] : value;
  entity.type = shortName(Array.isArray(document.type) ? document.type[0] : document.type);
  if (entity.address && typeof entity.address === "object") {
    entity.address = Object.fromEntries(Object.entries(entity.address).map(([key, value]) => [shortName(key), value]));
  }
  return entity;
}

function title(entity) {
  const commune = entity.address && entity.address.addressLocality;
  const name = typeof entity.name === "string" ? entity.name : shortName(entity.id.replace(/:/g, "/"));
  return commune && !name.includes(commune) ? `${commune} · ${name}` : name;
}

function shown(name, value) {
  if (typeof value === "number") return (UNITS[name] || ((v) => number(v, 2)))(value);
  if (typeof value === "string") return /^\d{4}-\d\d-\d\dT/.test(value) ? clock(new Date(value)) : T.words[value] || shortName(value);
  if (typeof value === "boolean") return value ? "✓" : "–";
  if (value && typeof value === "object" && !Array.isArray(value)) return Object.entries(value).map(([k, v]) => `${shortName(k)} ${typeof v === "number" ? number(v, 1) : v}`).join(", ");
  return Array.isArray(value) ? value.map(String).join(", ") : "";
}

function mainValue(entity) {
  const wanted = [].concat(serviceOf(entity).main);
  const name = wanted.find((candidate) => entity[candidate] !== undefined) || Object.keys(entity).find((key) => !ENTITY_MEMBERS.has(key));
  if (name === undefined) return "";
  return `${T.names[name] || name} ${shown(name, entity[name])}`;
}

async function ask(path) {
  const answer = await fetch(API + path, { headers: { Accept: "application/json" }, signal: AbortSignal.timeout(10000) });
  if (!answer.ok) throw new Error(`${answer.status}`);
  return answer.json();
}

async function readEntities() {
  const { typeList = [] } = await ask("/types");
  if (!typeList.length) return [];
  const types = typeList.slice(0, MAX_TYPES).map((type) => encodeURIComponent(type)).join(",");
  return ask(`/entities?type=${types}&limit=${MAX_ENTITIES}&format=simplified&options=sysAttrs`);
}

async function poll() {
  clearTimeout(state.timer);
  if (document.hidden) return; // nobody looks: nothing is asked
  try {
    const entities = (await readEntities()).map(plain);
    show(entities);
    const things = entities.filter((e) => !isArea(e)).length;
    const most = entities.length === MAX_ENTITIES ? ` (${T.more(number(MAX_ENTITIES))})` : "";
    setPulse("live", things ? T.live(number(things), clock(new Date())) + most : T.idle);
  } catch (error) {
    console.warn("poll failed", error);
    setPulse("lost", T.lost);
  }
  state.timer = setTimeout(poll, POLL_MS);
}

function setPulse(mood, text) {
  $("pulse").className = `pulse ${mood}`;
  $("pulse-text").textContent = text;
}

function show(entities) {
  const fresh = entities.filter((e) => state.seen.size && state.seen.get(e.id) !== e.modifiedAt);
  state.entities = entities;
  state.seen = new Map(entities.map((e) => [e.id, e.modifiedAt]));
  for (const e of entities) if (typeof e.waterConsumption === "number" && !firstIndex.has(e.id)) firstIndex.set(e.id, e.waterConsumption);
  const areas = entities.filter(isArea);
  const things = entities.filter((e) => !isArea(e));
  $("empty").hidden = entities.length > 0;
  $("services").hidden = $("news-section").hidden = things.length === 0;
  drawMap(areas, things.filter((e) => e.location && e.location.type === "Point"), fresh);
  drawCards(things);
  drawNews(things);
  drawDetail();
}

const isArea = (entity) => Boolean(entity.location) && /Polygon$/.test(entity.location.type);

function rings(geometry) {
  return geometry.type === "Polygon" ? [geometry.coordinates[0]] : geometry.coordinates.map((polygon) => polygon[0]);
}

// Equirectangular, true to scale at the middle of what is shown: a territory is small enough for that.
function projection(areas, points, width) {
  const all = areas.flatMap((e) => rings(e.location).flat()).concat(points.map((e) => e.location.coordinates));
  let [west, south, east, north] = [180, 90, -180, -90];
  for (const [lon, lat] of all) { west = Math.min(west, lon); east = Math.max(east, lon); south = Math.min(south, lat); north = Math.max(north, lat); }
  const squeeze = Math.cos(((south + north) / 2) * Math.PI / 180);
  const span = Math.max((east - west) * squeeze, (north - south) / 2, 0.01);
  const margin = 20, scale = (width - 2 * margin) / span;
  const height = Math.max(260, (north - south) * scale + 2 * margin);
  const left = (width - (east - west) * squeeze * scale) / 2;
  return { height, place: ([lon, lat]) => [left + (lon - west) * squeeze * scale, (height - (north - south) * scale) / 2 + (north - lat) * scale] };
}

function shapePath(shape, r) {
  const polygon = (corners, start, inner) => Array.from({ length: corners }, (_, i) => {
    const angle = start + (i * 2 * Math.PI) / corners, radius = inner && i % 2 ? r * inner : r;
    return `${(radius * Math.cos(angle)).toFixed(1)},${(radius * Math.sin(angle)).toFixed(1)}`;
  }).join("L");
  if (shape === "square") return `M${polygon(4, Math.PI / 4)}Z`;
  if (shape === "diamond") return `M${polygon(4, 0)}Z`;
  if (shape === "triangle") return `M${polygon(3, -Math.PI / 2)}Z`;
  if (shape === "star") return `M${polygon(10, -Math.PI / 2, 0.5)}Z`;
  if (shape === "drop") return `M0,${-r}C${r * 0.5},${-r * 0.3} ${r * 0.8},0 ${r * 0.8},${r * 0.3}A${r * 0.8},${r * 0.75} 0 1 1 ${-r * 0.8},${r * 0.3}C${-r * 0.8},0 ${-r * 0.5},${-r * 0.3} 0,${-r}Z`;
  return `M${-r * 0.85},0A${r * 0.85},${r * 0.85} 0 1 1 ${r * 0.85},0A${r * 0.85},${r * 0.85} 0 1 1 ${-r * 0.85},0Z`;
}

const icon = (service) => element("svg", { viewBox: "-10 -10 20 20", "aria-hidden": "true", class: service.key }, element("path", { class: "mark", d: shapePath(service.shape, 9) }));

function drawMap(areas, points, fresh) {
  $("map-section").hidden = !areas.length && !points.length;
  if ($("map-section").hidden) return;
  const outline = JSON.stringify([mapWidth(), areas.map((e) => [e.id, e.location]), points.map((e) => [e.id, e.location])]);
  if (outline !== state.outline) { state.outline = outline; rebuildMap(areas, points); }
  $("map").setAttribute("aria-label", T.mapLabel(points.length, areas.length));
  const renewed = new Set(fresh.map((e) => e.id));
  for (const entity of points) {
    const mark = state.marks.get(entity.id), service = serviceOf(entity);
    mark.setAttribute("class", `point ${service.key}${service.alert && service.alert(entity) ? " alert" : ""}${service.quiet && service.quiet(entity) ? " quiet" : ""}${state.chosen === entity.id ? " chosen" : ""}`);
    mark.style.display = state.hidden.has(entity.type) ? "none" : "";
    if (renewed.has(entity.id)) ripple(mark);
  }
  drawLegend(points);
}

const mapWidth = () => Math.max(320, $("map").parentElement.clientWidth);

// A name stands inside its outline, near the top: in the middle of the outline's width there.
function labelPlace(ring) {
  const ys = ring.map((p) => p[1]), top = Math.min(...ys), y = top + Math.max(24, (Math.max(...ys) - top) * 0.16);
  const crossings = ring.slice(1).flatMap(([x2, y2], i) => {
    const [x1, y1] = ring[i];
    return (y1 > y) !== (y2 > y) ? [x1 + ((y - y1) / (y2 - y1)) * (x2 - x1)] : [];
  });
  return [(Math.min(...crossings) + Math.max(...crossings)) / 2, y];
}

function rebuildMap(areas, points) {
  const map = $("map"), width = mapWidth(), { height, place } = projection(areas, points, width), radius = width < NARROW ? 5.5 : 8;
  map.setAttribute("viewBox", `0 0 ${width} ${Math.round(height)}`);
  map.replaceChildren();
  state.marks.clear();
  for (const area of areas) {
    const path = rings(area.location).map((ring) => `M${ring.map((position) => place(position).map((v) => v.toFixed(1)).join(",")).join("L")}Z`).join("");
    map.append(element("path", { class: "area", d: path }));
  }
  // West to east, so that the arrow keys walk over the map as one would expect.
  const placed = points.map((e) => [e, place(e.location.coordinates)]).sort((a, b) => a[1][0] - b[1][0]);
  state.order = placed.map(([e]) => e.id);
  for (const [entity, [x, y]] of placed) {
    const mark = element("g", { transform: `translate(${x.toFixed(1)},${y.toFixed(1)})` },
      element("circle", { class: "halo", r: radius * 1.5, "pointer-events": "all" }), element("path", { class: "mark", d: shapePath(serviceOf(entity).shape, radius) }));
    mark.addEventListener("click", () => choose(entity.id));
    state.marks.set(entity.id, mark);
    map.append(mark);
  }
  for (const area of areas) {
    const [x, y] = labelPlace(rings(area.location)[0].map(place));
    if (Number.isFinite(x)) map.append(element("text", { class: "place", x: x.toFixed(1), y: y.toFixed(1) }, title(area)));
  }
}

function ripple(mark) {
  const ring = element("circle", { class: "ripple", r: 5 });
  ring.addEventListener("animationend", () => ring.remove());
  mark.querySelectorAll(".ripple").forEach((old) => old.remove());
  mark.append(ring);
}

function choose(id) {
  state.marks.get(state.chosen)?.classList.remove("chosen");
  state.chosen = state.chosen === id ? null : id;
  state.marks.get(state.chosen)?.classList.add("chosen");
  drawDetail();
}

function drawDetail() {
  const box = $("detail"), entity = state.entities.find((e) => e.id === state.chosen);
  box.hidden = !entity;
  if (!entity) return;
  const list = element("dl");
  for (const [name, value] of Object.entries(entity)) {
    if (ENTITY_MEMBERS.has(name)) continue;
    list.append(element("dt", {}, T.names[name] || name), element("dd", {}, shown(name, value)));
  }
  const when = entity.modifiedAt ? ` · ${T.at} ${clock(new Date(entity.modifiedAt))}` : "";
  box.replaceChildren(element("h3", {}, title(entity)), element("small", {}, serviceName(entity.type) + when), list);
}

function drawLegend(points) {
  const types = [...new Set(points.map((e) => e.type))].sort(byService);
  const list = $("legend"), stamp = LANGUAGE + types.join();
  if (list.dataset.types === stamp) return;
  list.dataset.types = stamp;
  list.replaceChildren(...types.map((type) => {
    const button = element("button", { type: "button", "aria-pressed": String(!state.hidden.has(type)) }, icon(SERVICES[type] || OTHER), serviceName(type));
    button.addEventListener("click", () => {
      const hide = !state.hidden.has(type);
      state.hidden[hide ? "add" : "delete"](type);
      button.setAttribute("aria-pressed", String(!hide));
      for (const e of state.entities) if (e.type === type && state.marks.has(e.id)) state.marks.get(e.id).style.display = hide ? "none" : "";
    });
    return element("li", {}, button);
  }));
  const sign = (kind, text) => element("li", { class: "sign" }, element("svg", { viewBox: "-14 -14 28 28", "aria-hidden": "true" },
    element("g", { class: `point other ${kind}` }, element("circle", { class: "halo", r: 12 }), element("path", { class: "mark", d: shapePath("circle", 8) }))), text);
  list.append(sign("alert", T.attention), sign("quiet", T.inactive));
}

function byService(a, b) {
  const order = Object.keys(SERVICES), rank = (type) => (order.indexOf(type) + order.length + 1) % (order.length + 1);
  return rank(a) - rank(b) || a.localeCompare(b);
}

function drawCards(things) {
  const groups = new Map();
  for (const e of things) groups.set(e.type, [...(groups.get(e.type) || []), e]);
  $("cards").replaceChildren(...[...groups.keys()].sort(byService).map((type) => card(type, groups.get(type))));
}

function card(type, list) {
  const service = SERVICES[type] || OTHER, figure = service.figure(list);
  const node = element("article", { class: `card ${service.key}` },
    element("h3", {}, icon(service), serviceName(type), element("small", {}, `${number(list.length)} ${T.objects}`)));
  if (figure) node.append(element("p", { class: "figure" }, `${figure.text} `, element("small", {}, figure.note)));
  if (figure && figure.bar !== undefined) {
    const fill = element("i");
    fill.style.width = `${Math.round(figure.bar * 100)}%`;
    node.append(element("div", { class: `bar ${service.key}`, "aria-hidden": "true" }, fill));
  }
  const alerts = service.alert ? list.filter(service.alert).length : 0;
  if (alerts) node.append(element("p", { class: "warn" }, T.alertCount(alerts)));
  if (service.what) node.append(element("p", { class: "what" }, service.what[LANGUAGE]));
  return node;
}

function drawNews(things) {
  const latest = things.filter((e) => e.modifiedAt).sort((a, b) => (a.modifiedAt < b.modifiedAt ? 1 : -1)).slice(0, NEWS_LINES);
  $("news").replaceChildren(...latest.map((e) => element("li", {}, element("time", { datetime: e.modifiedAt }, clock(new Date(e.modifiedAt))),
    icon(serviceOf(e)), element("span", { class: "who" }, `${title(e)} (${serviceName(e.type)})`), element("span", { class: "value" }, mainValue(e)))));
}

function walkMap(event) {
  const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
  if (event.key === "Escape" && state.chosen) { choose(state.chosen); return; }
  const types = new Map(state.entities.map((e) => [e.id, e.type]));
  const order = state.order.filter((id) => !state.hidden.has(types.get(id)));
  if (!step || !order.length) return;
  event.preventDefault();
  const at = order.indexOf(state.chosen);
  choose(order[at < 0 ? 0 : (at + step + order.length) % order.length]);
}

function translate() {
  document.documentElement.lang = LANGUAGE;
  for (const node of document.querySelectorAll("[data-text]")) if (typeof T[node.dataset.text] === "string") node.textContent = T[node.dataset.text];
  const here = location.origin + API;
  const waste = "https://smartdatamodels.org/dataModel.WasteManagement/WasteContainer";
  $("read-command").textContent = `curl '${here}/entities?type=${waste}&format=simplified'`;
  $("subscribe-command").textContent = `curl -X POST '${here}/subscriptions' -H 'Content-Type: application/json' -d '{\n  "type": "Subscription",\n  "entities": [{"type": "${waste}"}],\n  "notification": {"format": "simplified", "endpoint": {"uri": "http://localhost:8000/"}}\n}'`;
  $("create-command").textContent = `curl -X POST '${here}/entities' -H 'Content-Type: application/json' -d '{\n  "id": "urn:ngsi-ld:WasteContainer:1", "type": "WasteContainer",\n  "fillingLevel": {"type": "Property", "value": 0.4},\n  "location": {"type": "GeoProperty", "value": {"type": "Point", "coordinates": [5.95, 49.47]}}\n}'`;
}

translate();
$("map").addEventListener("keydown", walkMap);
document.addEventListener("visibilitychange", poll);
window.addEventListener("resize", () => { clearTimeout(state.timer); state.timer = setTimeout(poll, 300); });
poll();
