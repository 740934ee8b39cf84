"""The page of a notebook: nbconvert's template without its scripts, and the style on screen and on paper."""

from typing import Final

PAPERS: Final = {"a4": "A4", "letter": "letter"}
"""Size of paper → its name in CSS. Both are printed with the same margins."""

DAY_NAME: Final = "tls-toolkit-report-day"
"""The name of the metadata in which the page of a report holds its `now`."""

_HEAD: Final = """\
{%- extends "lab/index.html.j2" -%}
{%- block html_head_js -%}
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; \
style-src 'unsafe-inline'; {{ resources.get('script_policy', '') }}" />
{% if resources.get('day') %}<meta name="DAY_NAME" content="{{ resources['day'] }}" />{% endif %}
{{- resources.get('scripts', '') -}}
{%- endblock -%}
{%- block jupyter_widgets -%}{%- endblock -%}
{%- block html_head_js_mathjax -%}{%- endblock -%}
{%- block html_head_js_mermaidjs -%}{%- endblock -%}
{%- block data_png scoped -%}
{{ super() | replace("<img ", '<img alt="' ~ (output | get_metadata("alt", "image/png") or "") | escape_html ~ '" ') }}
{%- endblock -%}
{%- block html_head_css -%}
<style>
"""

_SCREEN: Final = """\
  body.jp-Notebook { padding: 1rem; }
  main { max-width: 74rem; margin: 0 auto; }
  .jp-MarkdownOutput { padding-left: 0; }
  .jp-RenderedHTMLCommon table { margin-left: 0; font-variant-numeric: tabular-nums; }
  main .jp-RenderedHTMLCommon.jp-RenderedHTMLCommon :is(td, th) { text-align: left; vertical-align: top; }
  main .jp-RenderedHTMLCommon :is(td, p, li, h1) { overflow-wrap: anywhere; }
  main .jp-RenderedHTMLCommon td { min-width: 4em; }
  .jp-OutputArea-output { overflow-x: auto; }
  .celltag_hide-input .jp-Cell-inputWrapper { display: none; }
  .jp-RenderedHTMLCommon figure { margin: 0; }
  .jp-RenderedHTMLCommon .strips img { display: block; }
  @media screen { figure.on-screen > img { display: none; } }
  .jp-RenderedHTMLCommon :is(.trace, figcaption) { color: #595959; font-size: 0.85em; margin: 0.3em 0 1.2em; }
  .jp-RenderedHTMLCommon :is(.trace, figcaption) code { background: none; padding: 0; overflow-wrap: anywhere; }
  .jp-RenderedHTMLCommon ul.contents { columns: 3 12rem; list-style: none; padding: 0; margin: 0 0 1em; }
  .jp-RenderedHTMLCommon ul.tiles { display: flex; flex-wrap: wrap; gap: 0.6em; list-style: none; padding: 0; }
  .jp-RenderedHTMLCommon ul.tiles li { flex: 1 1 6em; padding: 0.4em 0.8em; margin: 0; background: #F2F2F2;
    border-left: 0.35em solid #9AA0A6; print-color-adjust: exact; }
  .jp-RenderedHTMLCommon ul.tiles b { display: block; font-size: 1.6em; line-height: 1.2; }
  .jp-RenderedHTMLCommon ul.tiles .serious { border-color: #B2182B; }
  .jp-RenderedHTMLCommon ul.tiles .minor { border-color: #E69F00; }
  .jp-RenderedHTMLCommon ul.tiles .fine { border-color: #0072B2; }
"""

_PRINT: Final = """\
  @page { size: PAPER; margin: 14mm 12mm 16mm;
    @bottom-right { content: counter(page) " / " counter(pages); font: 8pt sans-serif; color: #595959; } }
  @media print {
    html, body.jp-Notebook { padding: 0; height: auto; overflow: visible; }
    main { max-width: none; }
    body, main .jp-RenderedHTMLCommon { font-size: 9pt; line-height: 1.35; }
    main .jp-RenderedHTMLCommon table { table-layout: auto; width: auto; max-width: 100%; font-size: 7pt;
      font-stretch: condensed; }
    main .jp-RenderedHTMLCommon.jp-RenderedHTMLCommon :is(td, th) { padding: 1.5pt 3pt; }
    main .jp-Cell, main :is(.jp-Cell-inputWrapper, .jp-Cell-outputWrapper, .jp-InputArea, .jp-InputArea-editor,
      .jp-OutputArea, .jp-OutputArea-child, .jp-OutputArea-output) {
      display: block; overflow: visible; page-break-inside: auto; break-inside: auto; }
    main .jp-Cell { padding: 1mm 0; }
    main .jp-Cell-inputWrapper { break-inside: avoid; break-after: avoid; }
    main :is(.jp-OutputPrompt, .jp-InputPrompt, .jp-Collapser) { display: none; }
    main :is(.jp-RenderedHTMLCommon, .highlight) pre {
      font: 7.5pt monospace; white-space: pre-wrap; overflow-wrap: anywhere; }
    main :is(h1, h2, h3, .jp-MarkdownCell, .jp-mod-noOutputs) { break-after: avoid; }
    main :is(h1, h2, h3) { margin: 3mm 0 2mm; }
    main :is(tr, img, figure) { break-inside: avoid; }
    main tbody tr:first-child:nth-last-child(n+4) { break-after: avoid; }
    main tbody tr:last-child:nth-child(n+4) { break-before: avoid; }
    main .jp-RenderedHTMLCommon p { orphans: 3; widows: 3; }
    main img { max-width: 100%; max-height: 120mm; }
    main figure img { max-height: 190mm; object-fit: contain; object-position: left; }
    main figure.strips { break-inside: auto; }
    main figure.strips img { max-height: none; }
    main figure .interactive { display: none; }
    main :is(table + p, p + pre, .trace, figcaption) { break-before: avoid; }
    thead { display: table-header-group; }
  }
</style>
{%- endblock -%}
"""


def template(paper: str = "a4") -> str:
    """The template of nbconvert for pages on that paper: no scripts, and a policy that forbids to load or run any.

    The resource `scripts` is put into the head, and `script_policy`, a directive, allows it. The resource `day` becomes
    the metadata `DAY_NAME`.
    """
    return _HEAD.replace("DAY_NAME", DAY_NAME) + _SCREEN + _PRINT.replace("PAPER", PAPERS[paper])
