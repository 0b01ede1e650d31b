// Builds the shop: a file that says of which version it was made.
const fs = require("fs");
if (fs.existsSync("fail-build")) throw new Error("this version cannot be built");
fs.writeFileSync("built.json", JSON.stringify({ version: fs.readFileSync("VERSION", "utf8").trim() }) + "\n");
