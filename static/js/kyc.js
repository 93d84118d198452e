// Taking a photo of an ID. Without this file the page's own field and button do the same.
// With it the photo is made smaller on the phone, which spares the person data, and goes as soon as it is taken.
(() => {
  "use strict";

  const form = document.querySelector("form[data-photo]");
  if (!form) return;

  const LONG_EDGE = 2400;
  const QUALITY = 0.88;
  const MOST_BYTES = 10000000;
  const SMALL_BYTES = 600000;

  const find = (name) => form.querySelector(`[data-${name}]`);
  const frame = find("frame");
  const progress = find("progress");
  const choose = find("choose");
  const sentence = find("sentence");
  const take = find("take");
  const before = frame.innerHTML;

  form.classList.add("is-live");
  if (matchMedia("(pointer: coarse)").matches) {
    // The first button opens the camera at once, so there is a second one for photos that are there already.
    for (const element of form.querySelectorAll("[data-kept]")) element.hidden = false;
  } else {
    take.querySelector("span").textContent = take.dataset.fine;
  }

  function say(text) {
    sentence.querySelector("p").textContent = text;
    sentence.hidden = !text;
    if (text) sentence.scrollIntoView({ block: "nearest" });
  }

  function sending(on) {
    progress.hidden = !on;
    choose.hidden = on;
  }

  // The photo on a canvas, no larger than it needs to be; null for what this browser cannot read.
  async function drawn(file) {
    try {
      const image = await createImageBitmap(file, { imageOrientation: "from-image" });
      const factor = Math.min(1, LONG_EDGE / Math.max(image.width, image.height));
      const canvas = document.createElement("canvas");
      canvas.width = Math.round(image.width * factor);
      canvas.height = Math.round(image.height * factor);
      canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
      image.close();
      return { canvas, shrunk: factor < 1 };
    } catch {
      return null;
    }
  }

  function smaller(canvas) {
    return new Promise((done) => canvas.toBlob(done, "image/jpeg", QUALITY));
  }

  function send(photo, name) {
    const body = new FormData();
    body.append("csrfmiddlewaretoken", form.elements.namedItem("csrfmiddlewaretoken").value);
    body.append("photo", photo, name);
    const request = new XMLHttpRequest();
    const bar = progress.querySelector("progress");
    bar.value = 0;
    request.upload.addEventListener("progress", (event) => {
      if (event.lengthComputable) bar.value = Math.round((event.loaded / event.total) * 100);
    });
    request.addEventListener("load", () => answered(request));
    request.addEventListener("error", () => failed("The line broke. Your photo was not sent. Please try again."));
    request.open("POST", location.href);
    request.send(body);
  }

  function answered(request) {
    if (request.status === 200) {
      // The page that follows: this one with the photo, or the sign-in page when the session has ended.
      location.assign(request.responseURL);
      return;
    }
    const page = new DOMParser().parseFromString(request.responseText, "text/html");
    const said = page.querySelector("[data-sentence] p, main .notice p, main .notice");
    failed(said ? said.textContent.trim() : "That did not work. Please try again.");
  }

  function failed(text) {
    sending(false);
    frame.innerHTML = before;
    for (const input of form.querySelectorAll("input[type=file]")) input.value = "";
    say(text);
  }

  async function chosen(file) {
    say("");
    sending(true);
    const picture = await drawn(file);
    if (picture) frame.replaceChildren(picture.canvas);
    const worth = picture && (picture.shrunk || file.size > SMALL_BYTES);
    const made = worth ? await smaller(picture.canvas) : null;
    // The house reads so many pixels at most: one that was made smaller goes, even if its file is not.
    const photo = made && (picture.shrunk || made.size < file.size) ? made : file;
    if (photo.size > MOST_BYTES) {
      failed("This photo is larger than 10 MB. Please send a smaller one.");
      return;
    }
    send(photo, file.name);
  }

  for (const input of form.querySelectorAll("input[type=file]")) {
    input.addEventListener("change", () => input.files.length && chosen(input.files[0]));
  }
})();
