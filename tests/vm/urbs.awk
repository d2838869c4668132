# Judges the URBs that usbmon saw (Linux, Documentation/usb/usbmon.rst, text format "u"). A line has the tag, the time in us, S
# (submitted), C (completed) or E (not submitted), type:bus:device:endpoint, and then the setup packet or the status. Prints the
# URBs that must not be.
# Root hubs (device 001) are the kernel's own.

split($4, at, ":") && at[3] == "001" { next }

$3 == "S" {
  waiting[$1] = $0
  setup[$1] = $5 == "s" ? $6 " " $7 " " $8 : ""
  next
}

$3 == "C" {
  seen++
  split($5, status, ":")
  if (!may_be(status[1] + 0, setup[$1])) print "status " status[1] ": " (waiting[$1] != "" ? waiting[$1] : $0)
  delete waiting[$1]
  delete setup[$1]
  next
}

$3 == "E" && $5 != "-19" && $5 != "-108" { print "not submitted: " $0 }

# The token must refuse two requests by a stall: a full-speed device has no device qualifier (USB 2.0, 9.6.2), and a token has no
# debug descriptor (0A). -104, -2 and -108 say that the URB was unlinked, or the token unplugged.
function may_be(status, request) {
  if (status == 0 || status == -104 || status == -2 || status == -108) return 1
  return status == -32 && request ~ /^80 06 0(600|a00)$/
}

END {
  # One URB may stay open on each interrupt endpoint: the one that waits for a slot change.
  for (tag in waiting) {
    split(waiting[tag], word, " ")
    if (word[4] !~ /^Ii:/ || open[word[4]]++) print "unanswered: " waiting[tag]
  }
  if (wanted && !seen) print "no URB was seen"
}
