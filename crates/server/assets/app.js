// Makes the pages pleasant. Everything that is shown comes from the server; every action is a call of the public API,
// after which the parts that may have changed are asked for again.
import { startActions } from "./actions.js";
import { startExport } from "./export.js";
import { startForms } from "./forms.js";
import { startLists } from "./lists.js";
import { startLive } from "./live.js";
import { startPickers } from "./pickers.js";
import { startTests } from "./tests.js";
import { startThemes } from "./themes.js";
import { startTimes } from "./times.js";
import { startWording } from "./wording.js";

startThemes();
startTimes();
startPickers();
startActions();
startForms();
startExport();
startLists();
startTests();
startLive();
startWording();
