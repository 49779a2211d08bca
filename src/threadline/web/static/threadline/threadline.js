// What makes the pages quicker at the keyboard. Every page works without it.

(() => {
  "use strict";

  const find = (selector, within = document) => within.querySelector(selector);
  const findAll = (selector, within = document) => [...within.querySelectorAll(selector)];
  const isTyping = (element) => element.matches("input, textarea, select, [contenteditable]");

  // Announcements: counts at most every five seconds, results at once (data-announce="now").
  let heldBack = null;
  let lastAnnounced = 0;
  function announce(text, now) {
    const region = find("#announcements");
    if (!region || !text) return;
    clearTimeout(heldBack);
    const wait = now ? 0 : Math.max(0, lastAnnounced + 5000 - Date.now());
    heldBack = setTimeout(() => {
      lastAnnounced = Date.now();
      region.textContent = text;
    }, wait);
  }

  // The list: j and k or the arrows move between rows, Enter opens the focused one (it is a link).
  function move(step) {
    const links = findAll("[data-rows] .email-row .subject a");
    if (!links.length) return false;
    const current = links.findIndex((link) => link === document.activeElement);
    const selected = links.findIndex((link) => link.closest(".selected"));
    const from = current >= 0 ? current : selected;
    const next = links[Math.min(links.length - 1, Math.max(0, from + step))];
    next.focus();
    next.closest(".email-row").scrollIntoView({ block: "nearest" });
    return true;
  }

  const KEYS = {
    j: () => move(1),
    k: () => move(-1),
    r: () => press("[data-key='refresh']"),
    "/": () => focus("[data-key='search']"),
    "?": () => openHelp(),
  };

  function press(selector) {
    const control = find(selector);
    if (!control || control.disabled) return false;
    control.click();
    return true;
  }

  function focus(selector) {
    const field = find(selector);
    if (!field) return false;
    field.focus();
    field.select?.();
    return true;
  }

  function openHelp() {
    const dialog = find("#keys");
    if (!dialog || dialog.open) return false;
    dialog.showModal();
    return true;
  }

  function closeOnEscape() {
    const open = findAll("details.menu[open], details[data-escape][open]").pop();
    if (!open) return false;
    open.open = false;
    find("summary", open)?.focus();
    return true;
  }

  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
    if (find("dialog[open]")) return;
    if (event.key === "Escape") {
      if (closeOnEscape()) event.preventDefault();
      return;
    }
    if (isTyping(event.target)) return;
    const inList = event.target.closest("[data-rows]");
    const arrow = inList && { ArrowDown: 1, ArrowUp: -1 }[event.key];
    const done = arrow ? move(arrow) : KEYS[event.key]?.();
    if (done) event.preventDefault();
  });

  document.addEventListener("click", (event) => {
    for (const menu of findAll("details.menu[open]")) {
      if (!menu.contains(event.target)) menu.open = false;
    }
    const theme = event.target.closest("[data-theme-choice]");
    if (theme) chooseTheme(theme.dataset.themeChoice);
    const opener = event.target.closest("[data-open-dialog]");
    if (opener) document.getElementById(opener.dataset.openDialog)?.showModal();
    const copier = event.target.closest("[data-copy]");
    if (copier) copy(document.getElementById(copier.dataset.copy));
    if (event.target.closest("[data-close]")) event.target.closest("dialog")?.close();
  });

  // Without a secure context the clipboard is closed to us: the text is selected then, ready for the keyboard.
  function copy(field) {
    field.select();
    navigator.clipboard?.writeText(field.value).then(() => announce("Copied", true), () => {});
  }

  // The browser's time zone is a good first guess for a new company.
  function suggestZone() {
    const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
    for (const select of findAll("select[data-suggest-zone]")) {
      if (find(`option[value="${CSS.escape(zone)}"]`, select)) select.value = zone;
    }
  }

  // The theme is kept in a cookie, so that the server can write it into the page and nothing flashes.
  function chooseTheme(choice) {
    const root = document.documentElement;
    if (choice === "system") delete root.dataset.theme;
    else root.dataset.theme = choice;
    const age = choice === "system" ? 0 : 31536000;
    document.cookie = `theme=${choice}; path=/; max-age=${age}; samesite=lax`;
    showTheme();
  }

  function showTheme() {
    const chosen = document.documentElement.dataset.theme || "system";
    for (const button of findAll("[data-theme-choice]")) {
      button.setAttribute("aria-pressed", String(button.dataset.themeChoice === chosen));
    }
  }

  function hear(root) {
    const spoken = root.matches?.("[data-announce]") ? [root] : findAll("[data-announce]", root);
    for (const element of spoken) announce(element.textContent.replace(/\s+/g, " ").trim(), element.dataset.announce === "now");
  }

  // An email opened beside the list: its row is the selected one, and the pane begins at its top.
  function select(path) {
    const url = new URL(path, location.href).href;
    for (const link of findAll("[data-rows] .email-row .subject a")) {
      const row = link.closest(".email-row");
      const selected = link.href === url;
      row.classList.toggle("selected", selected);
      if (selected) row.setAttribute("aria-current", "true");
      else row.removeAttribute("aria-current");
    }
  }

  function opened(pane, path) {
    select(path);
    pane.closest(".mail").classList.add("is-reading");
    pane.scrollTop = 0;
    if (matchMedia("(max-width: 1080px)").matches) scrollTo(0, 0);
    document.title = (find("h1", pane)?.textContent.trim() || "Email") + " · Threadline";
  }

  // The frame of an HTML email is as tall as the email: nothing in it runs, so we may look.
  function fit(frame) {
    const page = frame.contentDocument?.documentElement;
    if (page) frame.style.height = Math.min(20000, page.offsetHeight + 2) + "px";
  }

  document.addEventListener("load", (event) => {
    if (event.target.matches?.("iframe[data-fit]")) fit(event.target);
  }, true);
  for (const frame of findAll("iframe[data-fit]")) if (frame.contentDocument?.readyState === "complete") fit(frame);

  document.addEventListener("htmx:afterSwap", (event) => {
    hear(event.detail.elt);
    if (event.detail.target?.id === "rows") {
      select(location.pathname + location.search);
      // Whoever asked for the new ones goes on at the first of them.
      if (event.detail.requestConfig.elt.closest("#new-emails")) find("[data-rows] .email-row .subject a")?.focus();
    }
    if (event.detail.target?.id === "reading") opened(event.detail.target, event.detail.requestConfig.path);
  });

  // New mail is asked for while somebody looks at the list, and at once when they come back to it.
  function lookForNew() {
    const place = find("#new-emails");
    if (place && document.visibilityState === "visible") htmx.trigger(place, "look");
  }
  setInterval(lookForNew, 15000);
  document.addEventListener("visibilitychange", lookForNew);

  for (const element of findAll("[data-needs-script]")) element.hidden = false;
  suggestZone();
  showTheme();
})();
