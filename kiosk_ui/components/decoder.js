// Reads QR codes from a video frame: the browser's own BarcodeDetector where there is one, else zxing as WebAssembly.

const WIDTH = 720; // enough for a ticket at arm's length, and quick on an old phone
let zxing = null;

async function wasmReader() {
  const module = await import("../vendor/zxing.js");
  await module.prepareZXingModule({
    overrides: { locateFile: (name) => (name.endsWith(".wasm") ? "/ui/vendor/zxing.wasm" : name) },
    fireImmediately: true,
  });
  const canvas = document.createElement("canvas");
  const context = canvas.getContext("2d", { willReadFrequently: true });
  const options = { formats: ["QRCode"], tryHarder: true, tryRotate: false, tryInvert: true, maxNumberOfSymbols: 2 };
  return async (video) => {
    const scale = Math.min(1, WIDTH / video.videoWidth);
    canvas.width = Math.round(video.videoWidth * scale);
    canvas.height = Math.round(video.videoHeight * scale);
    context.drawImage(video, 0, 0, canvas.width, canvas.height);
    const found = await module.readBarcodes(context.getImageData(0, 0, canvas.width, canvas.height), options);
    return found.filter((item) => item.isValid && item.text).map((item) => item.text);
  };
}

async function ownReader() {
  if (!("BarcodeDetector" in globalThis)) return null;
  try {
    const formats = await globalThis.BarcodeDetector.getSupportedFormats();
    if (!formats.includes("qr_code")) return null;
    const detector = new globalThis.BarcodeDetector({ formats: ["qr_code"] });
    return async (video) => (await detector.detect(video)).map((item) => item.rawValue).filter(Boolean);
  } catch {
    return null;
  }
}

/** A function from a playing video to the texts of the codes in view. Loaded once. */
export async function reader() {
  zxing ??= (await ownReader()) ?? (await wasmReader());
  return zxing;
}
