// Sets light or dark before anything is drawn, if somebody chose one. Not a module: it must not wait.
try {
  const chosen = localStorage.getItem('scheme');
  if (chosen) document.documentElement.dataset.scheme = chosen;
} catch { /* no storage: the system's choice stays */ }
