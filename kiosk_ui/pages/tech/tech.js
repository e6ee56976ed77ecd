// Joins the technician's page to its gate.

import { applyPrefs } from "../../components/prefs.js";
import "./page.js";

applyPrefs();
