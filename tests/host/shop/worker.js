// The shop's worker: asks the web process through nginx, as a customer would, and notes what it was told.
const fs = require("fs");
const http = require("http");

const version = fs.readFileSync("VERSION", "utf8").trim();

function ask() {
  http
    .get("http://127.0.0.1/", (answer) => {
      let text = "";
      answer.on("data", (part) => (text += part));
      answer.on("end", () => fs.appendFileSync("media/seen", `${version} saw ${text.trim()}\n`));
    })
    .on("error", (error) => console.error(error.message));
}

setInterval(ask, 500);
ask();
