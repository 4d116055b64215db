// A camera in JSMpeg, for browsers that decode nothing themselves: a plain script in the JavaScript of 2009, as they may know no modules.
/* global JSMpeg */
/* oxlint-disable no-var -- see above */
(function () {
  'use strict';

  var RETRY_MS = 500;
  var FIGURES_EVERY_MS = 1000;
  /** Close codes are 4000 and an HTTP status: with these, asking again changes nothing. */
  var FINAL_CODES = [4401, 4403, 4404, 4421];

  var camera = decodeURIComponent(location.pathname.split('/')[2]);
  var shown = 0;
  var shownBefore = 0;

  function part(id) { return document.getElementById(id); }

  function say(text, kind) {
    part('state').textContent = text;
    part('state').setAttribute('data-kind', kind);
  }

  /** The token of the address, from where it is taken away, or of earlier in this tab. */
  function pageToken() {
    var found = /[?&]access_token=([^&]*)/.exec(location.search);
    if (found === null) return sessionStorage.getItem('vto-token');
    history.replaceState(null, '', location.pathname);
    sessionStorage.setItem('vto-token', decodeURIComponent(found[1]));
    return decodeURIComponent(found[1]);
  }

  /** Where the player gets its bytes: a WebSocket that is opened again whenever it ends, and says why it did. */
  function Link(url) {
    this.url = url;
    this.streaming = true;
    this.established = false;
    this.completed = false;
    this.progress = 0;
  }
  Link.prototype.connect = function (destination) { this.destination = destination; };
  Link.prototype.resume = function () {};
  Link.prototype.destroy = function () {
    this.isOver = true;
    clearTimeout(this.timer);
    this.socket.close();
  };
  Link.prototype.start = function () {
    var link = this;
    var socket = new WebSocket(link.url);
    socket.binaryType = 'arraybuffer';
    socket.onopen = function () { say('waiting for a picture', 'wait'); };
    socket.onmessage = function (event) {
      link.established = true;
      link.progress = 1;
      link.destination.write(event.data);
    };
    socket.onclose = function (event) {
      var isFinal = FINAL_CODES.indexOf(event.code) >= 0;
      if (link.isOver) return;
      say(event.reason || 'connection lost', event.reason ? 'bad' : 'wait');
      if (!isFinal) link.timer = setTimeout(function () { link.start(); }, RETRY_MS);
    };
    link.socket = socket;
  };

  document.title = camera;
  part('name').textContent = camera;
  var token = pageToken();
  var address = (location.protocol === 'https:' ? 'wss://' : 'ws://') + location.host + '/api/v1/cameras/' + encodeURIComponent(camera) + '/jsmpeg';
  var canvas = part('picture');
  var player = new JSMpeg.Player(token === null ? address : address + '?access_token=' + encodeURIComponent(token), {
    canvas: canvas, source: Link, audio: false, disableWebAssembly: true, disableGl: true, pauseWhenHidden: false, videoBufferSize: 4 << 20,
    onVideoDecode: function () {
      shown += 1;
      if (part('state').getAttribute('data-kind') !== 'live') say('live', 'live');
      canvas.setAttribute('data-shown', String(shown));
    },
  });
  setInterval(function () {
    part('fps').textContent = String(Math.round((shown - shownBefore) * 1000 / FIGURES_EVERY_MS));
    shownBefore = shown;
    if (player.video.width) part('size').textContent = player.video.width + ' × ' + player.video.height;
  }, FIGURES_EVERY_MS);
})();
