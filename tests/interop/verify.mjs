// Verifies a bundle with sigstore-js, which shares no code with what signed it.
//
// In: a folder with node_modules, then JSON on standard input: the bundle, a trusted root, and either an identity with
// its issuer or a public key (SubjectPublicKeyInfo, base64). Out: the name of the signer; exit code 1 and a reason when
// the bundle does not verify.
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";
import path from "node:path";

const require = createRequire(path.join(process.argv[2], "package.json"));
const { bundleFromJSON } = require("@sigstore/bundle");
const { TrustedRoot, PublicKey } = require("@sigstore/protobuf-specs");
const { Verifier, toSignedEntity, toTrustMaterial } = require("@sigstore/verify");

const asked = JSON.parse(readFileSync(0, "utf8"));
const keyed = asked.key !== undefined;
// A key proves nothing about time or log; a certificate needs all three.
const thresholds = keyed
  ? { ctlogThreshold: 0, tlogThreshold: 0, timestampThreshold: 0 }
  : { ctlogThreshold: 1, tlogThreshold: 1, timestampThreshold: 1 };
const keys = (hint) => {
  if (hint !== asked.hint) throw new Error(`unknown key ${hint}`);
  const publicKey = PublicKey.fromJSON({ rawBytes: asked.key, keyDetails: asked.details });
  return { publicKey: createKey(asked.key), validFor: () => true, details: publicKey.keyDetails };
};
const createKey = (der) =>
  require("node:crypto").createPublicKey({ key: Buffer.from(der, "base64"), format: "der", type: "spki" });

try {
  const material = toTrustMaterial(TrustedRoot.fromJSON(asked.root), keyed ? keys : undefined);
  const policy = keyed ? undefined : { subjectAlternativeName: asked.identity, extensions: { issuer: asked.issuer } };
  const entity = toSignedEntity(bundleFromJSON(asked.bundle));
  const signer = new Verifier(material, thresholds).verify(entity, policy);
  console.log(keyed ? "key" : signer.identity.subjectAlternativeName);
} catch (error) {
  console.log(`${error.name}: ${error.message}`);
  process.exitCode = 1;
}
