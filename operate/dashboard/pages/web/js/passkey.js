// Passkeys: what WebAuthn hands over, as JSON and back.

export function able() {
  return Boolean(window.PublicKeyCredential && navigator.credentials);
}

function toBytes(text) {
  const plain = atob(text.replace(/-/g, '+').replace(/_/g, '/'));
  return Uint8Array.from(plain, (c) => c.charCodeAt(0));
}

function toText(buffer) {
  let plain = '';
  for (const b of new Uint8Array(buffer)) plain += String.fromCharCode(b);
  return btoa(plain).replace(/\+/g, '-').replace(/\//g, '_').replace(/=+$/, '');
}

// challenge makes of the server's JSON what the browser's credentials take.
export function challenge(options) {
  const key = structuredClone(options.publicKey || options);
  key.challenge = toBytes(key.challenge);
  if (key.user) key.user.id = toBytes(key.user.id);
  for (const list of [key.allowCredentials, key.excludeCredentials]) {
    for (const c of list || []) c.id = toBytes(c.id);
  }
  return { publicKey: key };
}

// assertion is a credential that was shown, as JSON.
export function assertion(c) {
  return {
    id: c.id, rawId: toText(c.rawId), type: c.type,
    response: {
      clientDataJSON: toText(c.response.clientDataJSON),
      authenticatorData: toText(c.response.authenticatorData),
      signature: toText(c.response.signature),
      userHandle: c.response.userHandle ? toText(c.response.userHandle) : undefined,
    },
    clientExtensionResults: c.getClientExtensionResults(),
  };
}

// attestation is a credential that was made, as JSON.
export function attestation(c) {
  return {
    id: c.id, rawId: toText(c.rawId), type: c.type,
    response: {
      clientDataJSON: toText(c.response.clientDataJSON),
      attestationObject: toText(c.response.attestationObject),
      transports: c.response.getTransports?.() || [],
    },
    clientExtensionResults: c.getClientExtensionResults(),
  };
}
