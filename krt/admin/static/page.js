// Updates the page: replaces its changed parts with those that the server sends in an event stream.
// Without this script the page is complete, and as old as its last reload.
"use strict";

const AGAIN_MILLISECONDS = 15000;
const TYPING_MILLISECONDS = 250;

const status = document.getElementById("status");
const list = document.getElementById("events");
const form = document.getElementById("filter");
const html = window.trustedTypes
  ? window.trustedTypes.createPolicy("krt", { createHTML: (text) => text })
  : { createHTML: (text) => text };

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
    // The server has refused the stream: too many pages are open, or it is stopping.
    say("The page does not update by itself now: too many are open. Reload it to see what is new.", false);
    again = setTimeout(watch, AGAIN_MILLISECONDS);
  };
}

function forget() {
  clearTimeout(again);
  if (stream) stream.close();
  stream = null;
}

function take(update) {
  for (const [name, text] of Object.entries(update.html)) put(name, parsed(text));
  arrange(update.order);
}

function parsed(text) {
  return new DOMParser().parseFromString(html.createHTML(text), "text/html").body.firstElementChild;
}

function put(name, element) {
  const old = document.getElementById(name);
  if (!old) list.append(element);
  else if (!old.isEqualNode(element)) replace(old, element);
}

// A keyboard user's focus stays on the same link.
function replace(old, element) {
  const focused = old.contains(document.activeElement) ? document.activeElement.getAttribute("href") : null;
  old.replaceWith(element);
  if (focused !== null) element.querySelector(`a[href="${CSS.escape(focused)}"]`)?.focus({ preventScroll: true });
}

function arrange(order) {
  const wanted = new Set(order);
  for (const item of [...list.children]) if (!wanted.has(item.id)) item.remove();
  let at = list.firstElementChild;
  for (const name of order) {
    const item = document.getElementById(name);
    if (item === at) at = at.nextElementSibling;
    else list.insertBefore(item, at);
  }
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
