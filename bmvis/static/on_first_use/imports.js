// What this script uses of the first one, `on_load/`.

const {
  all, announce, boxesBelow, buttonHtml, focusRow, itemOf, listen, makeSection, opener, parentOf, pressWithin, rootOf, rowOf, showLinked,
} = window.bmvis;
