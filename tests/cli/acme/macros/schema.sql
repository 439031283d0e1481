{% macro generate_schema_name(custom, node) -%}
    {%- if custom is none -%}
        {{ target.schema }}
    {%- else -%}
        acme_{{ target.name }}_{{ custom | trim }}
    {%- endif -%}
{%- endmacro %}
