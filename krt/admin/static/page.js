// Updates the page: replaces its changed parts with those that the server sends in an event stream.
// Without this script the page is complete, and as old as its last reload.
"use strict";

const AGAIN_MILLISECONDS = 15000;
const TYPING_MILLISECONDS = 250;
const AGES_MILLISECONDS = 5000;

const status = document.getElementById("status");
const list = document.getElementById("events");
const form = document.getElementById("filter");
const html = window.trustedTypes
  ? window.trustedTypes.createPolicy("krt", { createHTML: (text) => text })
  : { createHTML: (text) => text };

const ahead = Date.now() - Number(document.body.dataset.now); // how far this machine's clock is ahead of the server's

let address = document.body.dataset.live;
let stream = null;
let again = 0;

function say(text, live) {
  document.body.classList.toggle("live", live);
  if (status.textContent !== text) status.textContent = text;
}

function watch() {
  forget();
  stream = new EventSource(address);
  stream.onopen = () => say("Live: the page updates by itself.", true);
  stream.onmessage = (message) => take(JSON.parse(message.data));
  stream.onerror = () => {
    if (stream.readyState !== EventSource.CLOSED) {
      say("The connection is lost; trying again.", false);
      return;
    }
    say("The page does not update by itself now: too many pages are open, or krt stops. Reload it to see new events.", false);
    again = setTimeout(watch, AGAIN_MILLISECONDS);
  };
}

function forget() {
  clearTimeout(again);
  if (stream) stream.close();
  stream = null;
}

function take(update) {
  const cards = new Set(update.order);
  for (const [name, text] of Object.entries(update.html)) put(name, parsed(text), cards.has(name));
  arrange(update.order);
}

function parsed(text) {
  return new DOMParser().parseFromString(html.createHTML(text), "text/html").body.firstElementChild;
}

// An event may stand on the card of a burst as well, until the burst's card is removed: only cards are looked for here.
function card(name) {
  return list.querySelector(`:scope > #${CSS.escape(name)}`);
}

function put(name, element, isCard) {
  const old = isCard ? card(name) : document.getElementById(name);
  sayAges(element);
  if (!old) {
    list.append(element);
    return;
  }
  for (const opened of old.querySelectorAll("details[open]")) {
    element.querySelector(`#${CSS.escape(opened.id)}`)?.setAttribute("open", "");
  }
  if (!old.isEqualNode(element)) replace(old, element);
}

// A keyboard user's focus stays on the same link.
function replace(old, element) {
  const focused = old.contains(document.activeElement) ? selectorOf(document.activeElement) : null;
  old.replaceWith(element);
  if (focused) element.querySelector(focused)?.focus({ preventScroll: true });
}

function selectorOf(link) {
  if (link.matches("summary")) return `#${CSS.escape(link.parentElement.id)} > summary`;
  return link.matches("a[href]") ? `a[href="${CSS.escape(link.getAttribute("href"))}"]` : null;
}

function arrange(order) {
  const wanted = new Set(order);
  for (const item of [...list.children]) if (!wanted.has(item.id)) item.remove();
  let at = list.firstElementChild;
  for (const name of order) {
    const item = card(name);
    if (item === at) at = at.nextElementSibling;
    else list.insertBefore(item, at);
  }
}

// How long ago each moment was. The exact time stays at hand: for a mouse in the title, for a screen reader in the text.
function sayAges(root) {
  for (const time of root.querySelectorAll("time")) {
    if (!time.firstElementChild) time.replaceChildren(span(""), span(` (${time.title})`, "hidden"));
    const text = age((Date.now() - ahead - Date.parse(time.dateTime)) / 1000);
    if (time.firstElementChild.textContent !== text) time.firstElementChild.textContent = text;
  }
}

function span(text, name = "") {
  const element = document.createElement("span");
  element.className = name;
  element.textContent = text;
  return element;
}

function age(seconds) {
  if (seconds < 10) return "just now";
  if (seconds < 60) return `${Math.floor(seconds / 10) * 10} s ago`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ago`;
  return `${Math.floor(seconds / 3600)} h ago`;
}

function filterAsTyped() {
  const given = new URLSearchParams([...new FormData(form)].filter(([, value]) => value.trim()));
  const query = given.size ? `?${given}` : "";
  history.replaceState(null, "", location.pathname + query);
  address = address.replace(/\?.*$/, "") + query;
  if (!document.hidden) watch();
}

if (form) {
  let typing = 0;
  form.addEventListener("input", () => {
    clearTimeout(typing);
    typing = setTimeout(filterAsTyped, TYPING_MILLISECONDS);
  });
}

// A browser opens few connections to one server, so a hidden page closes its stream.
document.addEventListener("visibilitychange", () => (document.hidden ? forget() : watch()));
if (!document.hidden) watch();

sayAges(document);
setInterval(() => document.hidden || sayAges(document), AGES_MILLISECONDS);
