// npm's sm-crypto behind the lines that firmware/examples/sm.rs speaks.
const { sm2, sm3, sm4 } = require('sm-crypto');
const hex = (word) => (word === '-' ? '' : word);
const bytes = (word) => Array.from(Buffer.from(hex(word), 'hex'));
const text = (word) => Buffer.from(hex(word), 'hex').toString('latin1');

const operations = {
  sign: (secret, identifier, message) =>
    sm2.doSignature(bytes(message), secret, { hash: true, der: true, userId: text(identifier) }),
  verify: (point, identifier, message, signature) =>
    sm2.doVerifySignature(bytes(message), signature, point, { hash: true, der: true, userId: text(identifier) }) ? 'yes' : 'no',
  // 1 is the order C1 C3 C2; the first byte of the point is left out.
  encrypt: (point, message) => sm2.doEncrypt(bytes(message), point, 1),
  decrypt: (secret, ciphertext) =>
    Buffer.from(sm2.doDecrypt(ciphertext, secret, 1, { output: 'array' })).toString('hex') || 'no',
  sm3: (message) => sm3(bytes(message)),
  'encrypt-ecb': (key, iv, message) => sm4.encrypt(bytes(message), key, { padding: 'none' }),
  'encrypt-cbc': (key, iv, message) => sm4.encrypt(bytes(message), key, { padding: 'none', mode: 'cbc', iv }),
};

require('readline').createInterface({ input: process.stdin }).on('line', (line) => {
  const [operation, ...words] = line.split(' ');
  console.log(operations[operation](...words));
});
