// Opens Swagger UI with the API's document, and adds the CSRF token to its requests.
"use strict";

const place = document.getElementById("docs");
const csrf = () => document.cookie.match(/(?:^|; )csrftoken=([^;]*)/)?.[1] || "";
window.SwaggerUIBundle({
  url: place.dataset.document,
  domNode: place,
  deepLinking: true,
  validatorUrl: null,
  docExpansion: "list",
  requestInterceptor: (request) => {
    request.headers["X-CSRFToken"] = csrf();
    return request;
  },
});
