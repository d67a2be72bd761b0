// Opens Swagger UI on the API's document; requests that are tried out carry the CSRF token.
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
