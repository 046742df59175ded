// The page's own texts, as the server wrote them into it.

const words = document.getElementById('words');

// say is a text with {0} replaced; "" when the page has none of that name.
export function say(name, value) {
  const text = words?.dataset[name] ?? '';
  return value === undefined ? text : text.replace('{0}', value);
}

// announce has a sentence read out, without moving anything.
export function announce(text) {
  const region = document.getElementById('live');
  if (region) region.textContent = text;
}
