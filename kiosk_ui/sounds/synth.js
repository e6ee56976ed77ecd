// Verdict sounds, made by the browser: no files. Loud enough to be heard beside a lane, short enough not to annoy.

// [frequency Hz, start s, length s]
const SOUNDS = {
  GO: [[1320, 0, 0.14]],
  GO_ATTENTION: [[880, 0, 0.13], [1175, 0.17, 0.18]],
  STOP_USED: [[247, 0, 0.2], [247, 0.3, 0.2]],
  STOP: [[196, 0, 0.65]],
  SEE_STAFF: [[784, 0, 0.16], [988, 0.15, 0.16], [1175, 0.3, 0.3]],
};
const EDGE_S = 0.008; // without it each note begins with a click
const LOUDNESS = 0.35;

let context = null;
let told = false;

function tell(why) {
  if (told) return;
  told = true;
  console.info(`gate display: no sound (${why}); start the browser with autoplay allowed to hear verdicts`);
}

/** Play a verdict's sound; silent, and said once in the console, where the browser does not allow it. */
export function play(verdict) {
  const notes = SOUNDS[verdict];
  if (!notes) return;
  if (!("AudioContext" in window)) return tell("this browser has no Web Audio");
  context ??= new AudioContext();
  if (context.state !== "running") {
    context.resume().catch((error) => tell(error.name));
    if (context.state !== "running") return tell("it is not allowed before a touch");
  }
  const now = context.currentTime + 0.01;
  for (const [frequency, start, length] of notes) {
    const tone = new OscillatorNode(context, { frequency, type: frequency < 400 ? "square" : "triangle" });
    const gain = new GainNode(context, { gain: 0 });
    const level = frequency < 400 ? LOUDNESS * 0.5 : LOUDNESS;
    gain.gain.setValueAtTime(0, now + start);
    gain.gain.linearRampToValueAtTime(level, now + start + EDGE_S);
    gain.gain.setValueAtTime(level, now + start + length - EDGE_S * 4);
    gain.gain.linearRampToValueAtTime(0, now + start + length);
    tone.connect(gain).connect(context.destination);
    tone.start(now + start);
    tone.stop(now + start + length + 0.02);
    tone.onended = () => gain.disconnect();
  }
}
